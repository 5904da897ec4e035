package represent

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

// A batch has at most batchTokens tokens, filling included, and batchTexts texts.
const (
	batchTokens = 2048
	batchTexts  = 64
)

// Means are the mean hidden states of texts (N, H), in the language model's
// dtype. Where reference is set, tokens 0 ("!" of GPT-2) do not count and 1e-10 is
// added to the number of those that do, as in the reference program, which takes
// "!" for filling. progress, where not nil, hears how many texts are done. A text
// without tokens, or longer than the language model's positions, is an error.
func Means(ctx context.Context, lm pplm.LM, texts [][]int32, reference bool, progress func(done int)) (*tensor.Tensor, error) {
	info := lm.Info()
	order := make([]int, len(texts))
	for i, text := range texts {
		order[i] = i
		if len(text) == 0 {
			return nil, fmt.Errorf("text %d has no tokens", i+1)
		}
		if info.Positions > 0 && len(text) > info.Positions {
			return nil, fmt.Errorf("text %d has %d tokens, the language model %s reads %d", i+1, len(text), info.Name, info.Positions)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(len(texts[i]), len(texts[j])) })
	out := backend.New(info.Backend, info.DType, len(texts), info.Width)
	tape := autograd.NewTape(info.Backend)
	defer tape.Free()
	for done := 0; done < len(order); {
		if err := ctx.Err(); err != nil {
			backend.Release(info.Backend, out)
			return nil, err
		}
		n := batch(texts, order[done:])
		means := mean(tape, lm, texts, order[done:done+n], reference)
		for i, row := range order[done : done+n] {
			info.Backend.Copy(out.Slice(0, row, row+1), means.Slice(0, i, i+1))
		}
		tape.Reset()
		if done += n; progress != nil {
			progress(done)
		}
	}
	return out, nil
}

// batch is how many of the texts, in order of length, are read together.
func batch(texts [][]int32, order []int) int {
	n := 1
	for n < min(len(order), batchTexts) && (n+1)*len(texts[order[n]]) <= batchTokens {
		n++
	}
	return n
}

// mean is that of the rows of texts, (B, H), on the tape.
func mean(tape *autograd.Tape, lm pplm.LM, texts [][]int32, rows []int, reference bool) *tensor.Tensor {
	info, b := lm.Info(), len(rows)
	longest := len(texts[rows[b-1]])
	ids, weights := make([]int32, longest*b), make([]float64, longest*b) // (T, B)
	for i, row := range rows {
		text := texts[row]
		weight := weigh(text, reference)
		for t, id := range text {
			ids[t*b+i] = id
			if !reference || id != 0 {
				weights[t*b+i] = weight
			}
		}
	}
	state := lm.Start(b)
	defer state.Free()
	_, hidden, _ := lm.Step(tape, tape.Own(backend.FromSlice(tape.Backend, ids, longest, b)), state)
	w := autograd.Convert(tape.Own(backend.FromSlice(tape.Backend, weights, longest, b, 1)), info.DType)
	return autograd.Reshape(autograd.Sum(autograd.Mul(hidden, w), 0), b, info.Width).Value
}

// weigh is how much each token of a text counts that counts at all.
func weigh(text []int32, reference bool) float64 {
	if !reference {
		return 1 / float64(len(text))
	}
	n := 0
	for _, id := range text {
		if id != 0 {
			n++
		}
	}
	return 1 / (float64(n) + 1e-10)
}
