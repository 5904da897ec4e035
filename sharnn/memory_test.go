package sharnn_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// The copy task: a mark and a value stand early in a text of random filler; at
// its end a question mark asks for the value. The state starts afresh with each
// text, so one value is all there is to remember.
const (
	copyFillers = 4
	copyMark    = copyFillers
	copyAsk     = copyFillers + 1
	copyValues  = 8
	copySymbols = copyFillers + 2 + copyValues
)

// copyTexts are a batch of texts (length+1, B), the question at length-1 and
// the value to be answered at length; distance is the least between them.
func copyTexts(seed uint64, step, length, batch int) []int32 {
	key := tensor.Key{Seed: seed, Step: uint32(step)}
	ids := make([]int32, (length+1)*batch)
	draw := func(i, n int) int { return int(key.Uniform(uint64(i)) * float64(n)) }
	for i := range ids {
		ids[i] = int32(draw(i, copyFillers))
	}
	for lane := range batch {
		at, value := draw(len(ids)+2*lane, 16), copyFillers+2+draw(len(ids)+2*lane+1, copyValues)
		ids[at*batch+lane], ids[(at+1)*batch+lane] = copyMark, int32(value)
		ids[(length-1)*batch+lane], ids[length*batch+lane] = copyAsk, int32(value)
	}
	return ids
}

// copier trains and asks one model.
type copier struct {
	b         backend.Backend
	model     *sharnn.Model
	optimizer *optim.Optimizer
}

const copyBatch, copySegment = 16, 64

func newCopier(t *testing.T, b backend.Backend, memory int) *copier {
	model, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: copySymbols, Width: 32, Hidden: 64, Layers: 2, Attention: []int{0}, Heads: 1, Memory: memory,
	}, 1)
	require.NoError(t, err)
	t.Cleanup(model.Free)
	var params []optim.Param
	for name, p := range model.Params() {
		params = append(params, optim.Param{Name: name, Value: p.Value})
	}
	optimizer, err := optim.New(b, optim.Defaults(optim.Adam), params)
	require.NoError(t, err)
	t.Cleanup(optimizer.Free)
	return &copier{b, model, optimizer}
}

// text runs a batch of texts in segments and returns how many of the questions
// were answered by the likeliest symbol; with rate > 0 it trains on the answers.
func (c *copier) text(t *testing.T, ids []int32, rate float64) (right int) {
	state := c.model.NewState(copyBatch)
	defer state.Free()
	length := len(ids)/copyBatch - 1
	for at := 0; at < length; at += copySegment {
		n := min(copySegment, length-at)
		tape := autograd.NewTape(c.b)
		if rate > 0 {
			tape = autograd.NewTape(c.b, nn.Tensors(c.model)...)
		}
		rows := func(lo int) *autograd.Var {
			return tape.Own(backend.FromSlice(c.b, ids[lo*copyBatch:(lo+n)*copyBatch], n, copyBatch))
		}
		h, next := c.model.Run(c.model.Embed(rows(at), nil), state.Carry(tape, n), nil)
		logits := c.model.Logits(h)
		if at+n == length {
			right = c.answers(t, autograd.Slice(logits, 0, n-1, n).Value, ids[length*copyBatch:])
		}
		state.Advance(next)
		if rate > 0 && at+n == length {
			answers := tape.Own(backend.FromSlice(c.b, ids[length*copyBatch:], 1, copyBatch))
			c.learn(tape, nn.CrossEntropy(autograd.Slice(logits, 0, n-1, n), answers), rate)
		}
		tape.Free()
	}
	return right
}

func (c *copier) learn(tape *autograd.Tape, loss *autograd.Var, rate float64) {
	var wrt []*autograd.Var
	for _, p := range c.model.Params() {
		wrt = append(wrt, p.On(tape))
	}
	grads := tape.Grad(loss, wrt...)
	optim.ClipNorm(c.b, grads, 1)
	c.optimizer.Step(grads, rate)
	backend.Release(c.b, grads...)
}

func (c *copier) answers(t *testing.T, logits *tensor.Tensor, want []int32) (right int) {
	scores := golden.Read(t, c.b, logits) // (1, B, V)
	for lane, w := range want {
		row := scores[lane*copySymbols : (lane+1)*copySymbols]
		best := 0
		for i, s := range row {
			if s > row[best] {
				best = i
			}
		}
		if int32(best) == w {
			right++
		}
	}
	return right
}

// A model that learnt to copy over a segment copies over 1000 and more
// positions by its memory, and cannot without.
func TestMemoryCopiesFromAfar(t *testing.T) {
	if testing.Short() {
		t.Skip("trains two models")
	}
	b := openCPU(t)
	accuracy := func(memory int) float64 {
		c := newCopier(t, b, memory)
		for step := range 300 {
			c.text(t, copyTexts(1, step, 24+step%40, copyBatch), 0.005)
		}
		for step := range 10 {
			c.text(t, copyTexts(2, step, 1100, copyBatch), 0.001)
		}
		right, asked := 0, 0
		for step := range 8 {
			right += c.text(t, copyTexts(3, step, 1100, copyBatch), 0)
			asked += copyBatch
		}
		return float64(right) / float64(asked)
	}
	with, without := accuracy(5000), accuracy(0)
	t.Logf("answers right at 1080 to 1100 positions: with memory %.2f, without %.2f (chance %.3f)", with, without, 1.0/copyValues)
	assert.Greater(t, with, 0.9, "with memory")
	assert.Less(t, without, 0.4, "without")
}

// The ring must show the same rows as cutting and joining the memory would.
func TestMemoryIsTheNewestRows(t *testing.T) {
	b := openCPU(t)
	for name, c := range map[string]struct {
		limit    int
		segments []int
	}{
		"grows":             {100, []int{3, 5, 7}},
		"wraps":             {10, []int{3, 4, 3, 5, 1, 1, 2, 9, 3}},
		"as long as itself": {4, []int{4, 4, 4}},
		"longer segments":   {4, []int{6, 3, 9, 1}},
		"one row":           {1, []int{1, 1, 1}},
		"none":              {0, []int{2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			model, err := sharnn.New(b, tensor.Float64, sharnn.Config{
				Symbols: 3, Width: 2, Hidden: 2, Layers: 1, Attention: []int{0}, Heads: 1, Memory: c.limit,
			}, 1)
			require.NoError(t, err)
			defer model.Free()
			state := model.NewState(1)
			defer state.Free()
			var past []float64
			for i, n := range c.segments {
				tape := autograd.NewTape(b)
				carry := state.Carry(tape, n)
				used := past
				if keep := 2 * max(min(c.limit-n, len(past)/2), 0); keep < len(past) {
					used = past[len(past)-keep:]
				}
				var got []float64
				for _, piece := range carry[0].Memory {
					got = append(got, golden.Read(t, b, piece.Value)...)
				}
				assert.Equal(t, append([]float64{}, used...), append([]float64{}, got...), "segment %d", i)
				assert.LessOrEqual(t, len(carry[0].Memory), 2, "pieces")
				_, next := model.Run(model.Embed(tape.Own(backend.FromSlice(b, make([]int32, n), n, 1)), nil), carry, nil)
				own := []float64{}
				if c.limit > 0 {
					own = golden.Read(t, b, next[0].Memory[0].Value)
				}
				state.Advance(next)
				tape.Free()
				past = append(append([]float64{}, used...), own...)
				if len(past) > 2*c.limit {
					past = past[len(past)-2*c.limit:]
				}
			}
		})
	}
}
