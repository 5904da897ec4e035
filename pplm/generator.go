package pplm

import (
	"context"
	"fmt"
	"math"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// feedRows is the length of the pieces in which a prompt is read.
const feedRows = 256

// Generator generates samples token by token: see [Generate]. It belongs to one
// goroutine. Free gives its memory back.
type Generator struct {
	lm      LM
	info    Info
	request Request
	steer   *Perturber // nil: the text is not steered

	text    [][]int32 // by sample: the prompt and the tokens so far
	index   int       // of the next token among the new ones
	plain   State     // all but the last token of text have been read
	steered State     // the same, with what moved; nil where the text is not steered

	tape   *autograd.Tape // for passes without gradients, used again for each
	past   *tensor.Tensor // (B, H): the sum of the plain hidden states
	latest *tensor.Tensor // (B, H): the last of them, not yet in past; nil before the first
	count  int            // of those in past

	likelihood [][]float64 // by attribute and sample, at the last token read
	sums       [][]float64 // of likelihood, over the new tokens' positions
	rows       reader      // of what tokens are taken from, (B, V)

	samples []Sample // scored; nil before Samples
	failed  error    // what ended the generator
	freed   bool
}

// NewGenerator reads the prompt but for its last token. Its errors tell what is
// wrong with the request, or are the device's or ctx's.
func NewGenerator(ctx context.Context, lm LM, r Request) (*Generator, error) {
	info := lm.Info()
	if err := r.check(info); err != nil {
		return nil, fmt.Errorf("generating: %w", err)
	}
	g := &Generator{lm: lm, info: info, request: r, tape: autograd.NewTape(info.Backend)}
	for range r.Samples {
		g.text = append(g.text, append([]int32(nil), r.Prompt...))
	}
	g.past = backend.Zeros(info.Backend, info.DType, r.Samples, info.Width)
	for range r.Attributes {
		g.sums = append(g.sums, make([]float64, r.Samples))
	}
	if len(r.Attributes) > 0 && r.Settings.Iterations > 0 {
		g.steer = NewPerturber(lm, r.Attributes, r.Settings)
	}
	read := r.Prompt[:len(r.Prompt)-1]
	if past := len(r.Prompt) + lookAhead(r.Attributes) - info.Positions; info.Positions > 0 && past > 0 {
		read = read[len(read)-g.half():] // only with Slide
	}
	if err := g.readPrompt(ctx, read); err != nil {
		g.Free()
		return nil, fmt.Errorf("generating: reading the prompt: %w", err)
	}
	return g, nil
}

// Free gives the generator's memory back.
func (g *Generator) Free() {
	g.tape.Free()
	for _, s := range []State{g.plain, g.steered} {
		if s != nil {
			s.Free()
		}
	}
	if g.steer != nil {
		g.steer.Free()
	}
	backend.Release(g.info.Backend, g.past, g.latest)
	g.plain, g.steered, g.steer, g.past, g.latest = nil, nil, nil, nil, nil
	g.freed = true
}

// wantLive panics where the generator has been freed.
func (g *Generator) wantLive(method string) {
	if g.freed {
		tensor.Panicf("pplm.Generator."+method, nil, "the generator has been freed")
	}
}

// readPrompt reads what all samples share, once, and makes a batch of it.
func (g *Generator) readPrompt(ctx context.Context, tokens []int32) error {
	b := g.info.Backend
	one := g.lm.Start(1)
	sum := backend.Zeros(b, g.info.DType, 1, g.info.Width)
	defer backend.Release(b, sum)
	for from := 0; from < len(tokens); from += feedRows {
		if err := ctx.Err(); err != nil {
			one.Free()
			return err
		}
		piece := tokens[from:min(from+feedRows, len(tokens))]
		_, hidden, next := g.lm.Step(g.tape, g.tape.Own(ids(b, [][]int32{piece})), one)
		one = next.Keep()
		b.Binary(backend.Add, sum, sum, autograd.Reshape(autograd.Sum(hidden, 0), 1, -1).Value)
		g.tape.Reset()
	}
	b.Copy(g.past, sum.Broadcast(g.past.Shape...))
	g.count = len(tokens)
	if g.steer != nil {
		g.steered = one.Copy(g.request.Samples)
	}
	if g.plain = one; g.request.Samples > 1 {
		g.plain = one.Copy(g.request.Samples)
		one.Free()
	}
	return b.Sync()
}

// half is how many tokens are read again where the window slides.
func (g *Generator) half() int { return g.info.Positions / 2 }

// makeRoom slides where no positions are left for so many tokens.
func (g *Generator) makeRoom(tokens int) {
	if p := g.info.Positions; p > 0 && g.plain.Len()+tokens > p {
		g.slide()
	}
}

// slide starts again from the newest half of the positions. What moved is
// forgotten with the rest.
func (g *Generator) slide() {
	n := len(g.text[0]) - 1
	tail := make([][]int32, len(g.text))
	for i, text := range g.text {
		tail[i] = text[n-g.half() : n]
	}
	g.plain.Free()
	g.plain = nil
	_, _, next := g.lm.Step(g.tape, g.tape.Own(ids(g.info.Backend, tail)), g.lm.Start(len(tail)))
	g.plain = next.Keep()
	g.tape.Reset()
	if g.steered != nil {
		g.steered.Free()
		g.steered = g.plain.Copy(len(tail))
	}
}

// Next chooses every sample's next token. What it returns is valid until the next
// call. After Samples it is an error; after an error it is that error again.
func (g *Generator) Next(ctx context.Context) ([]Token, error) {
	g.wantLive("Next")
	switch {
	case g.failed != nil:
		return nil, g.failed
	case g.samples != nil:
		return nil, fmt.Errorf("generating token %d: the samples have been scored: there is no next token", g.index)
	}
	tokens, err := g.next(ctx)
	if err != nil {
		g.failed = fmt.Errorf("generating token %d: %w", g.index, err)
		return nil, g.failed
	}
	for i, t := range tokens {
		g.text[i] = append(g.text[i], t.ID)
		for a := range g.sums {
			g.sums[a][i] += t.Likelihood[a]
		}
	}
	g.index++
	return tokens, nil
}

func (g *Generator) next(ctx context.Context) ([]Token, error) {
	g.makeRoom(1 + lookAhead(g.request.Attributes))
	defer g.tape.Reset()
	logits, probs, err := g.readPlain(ctx)
	if err != nil {
		return nil, err
	}
	if g.steer == nil {
		return g.choosePlain(logits, probs)
	}
	last := g.last()
	defer backend.Release(g.info.Backend, last)
	var r *Report
	if n := g.request.Settings.GradLength; g.steered.Len() > 0 && (n == 0 || g.index < n) {
		if r, err = g.steer.Perturb(ctx, g.steered, &Moment{
			Last: last, Plain: g.plain, Probs: probs.Value, Past: g.past, Count: g.count, Tokens: g.text,
		}); err != nil {
			return nil, err
		}
	}
	return g.chooseSteered(ctx, last, logits, probs, r)
}

// last are the samples' last tokens, (1, B).
func (g *Generator) last() *tensor.Tensor {
	tails := make([][]int32, len(g.text))
	for i, text := range g.text {
		tails[i] = text[len(text)-1:]
	}
	return ids(g.info.Backend, tails)
}

// readPlain lets the plain state read the last tokens. It returns what it expects
// next, (B, V), on the tape.
func (g *Generator) readPlain(ctx context.Context) (logits, probs *autograd.Var, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	b, t, batch := g.info.Backend, g.tape, len(g.text)
	var losses []*autograd.Var
	backend.Graph(b, func() {
		if g.latest != nil {
			b.Binary(backend.Add, g.past, g.past, g.latest)
			g.count++
			backend.Release(b, g.latest)
			g.latest = nil
		}
		scores, hidden, next := g.lm.Step(t, t.Own(g.last()), g.plain)
		g.plain = next.Keep()
		g.latest = autograd.Keep(hidden).Reshape(batch, -1)
		logits = autograd.Reshape(scores, batch, -1)
		probs = autograd.Softmax(logits)
		c := &Context{
			Tape: t, LM: g.lm, Tokens: g.text, Logits: logits, Probs: probs,
			Hidden: t.Leaf(g.latest), Past: t.Leaf(g.past), Count: g.count,
		}
		losses = c.losses(g.request.Attributes)
	})
	return logits, probs, g.judge(losses)
}

// judge takes the attributes' losses of what has been read.
func (g *Generator) judge(losses []*autograd.Var) error {
	g.likelihood = make([][]float64, len(losses))
	for a, loss := range losses {
		numbers, err := new(reader).read(g.info.Backend, loss.Value)
		if err != nil {
			return err
		}
		for i, l := range numbers {
			if !finite(l) {
				return fmt.Errorf("the unsteered loss of %s is %v in sample %d", nameOf(g.request.Attributes[a]), l, i)
			}
			numbers[i] = -l
		}
		g.likelihood[a] = numbers
	}
	return nil
}

// choosePlain takes tokens of the unsteered distribution.
func (g *Generator) choosePlain(logits, probs *autograd.Var) ([]Token, error) {
	how := g.request.Settings
	scores, err := penalised(logits, g.text, how.Repetition)
	if err != nil {
		return nil, err
	}
	p := probs
	if scores != logits || how.Temperature != 1 {
		p = autograd.Softmax(autograd.Scale(scores, 1/how.Temperature))
	}
	tokens, chosen, err := g.take(p)
	if err != nil {
		return nil, err
	}
	plain, err := at(probs, chosen)
	if err != nil {
		return nil, err
	}
	for i := range tokens {
		tokens[i].Steered, tokens[i].Plain = plain[i], plain[i]
	}
	return tokens, nil
}

// chooseSteered lets the steered state read the last tokens and takes tokens of
// what it expects, mixed with what the plain one does.
func (g *Generator) chooseSteered(ctx context.Context, last *tensor.Tensor, logits, probs *autograd.Var, r *Report) ([]Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	how := g.request.Settings
	var moved *autograd.Var
	backend.Graph(g.info.Backend, func() {
		var next State
		moved, _, next = g.lm.Step(g.tape, g.tape.Leaf(last), g.steered)
		g.steered = next.Keep()
	})
	scores, err := penalised(autograd.Reshape(moved, len(g.text), -1), g.text, how.Repetition)
	if err != nil {
		return nil, err
	}
	logP := autograd.LogSoftmax(autograd.Scale(scores, 1/how.Temperature))
	tokens, chosen, err := g.take(fuse(logP, autograd.LogSoftmax(logits), how.GMScale))
	if err != nil {
		return nil, err
	}
	steered, err := at(logP, chosen)
	if err != nil {
		return nil, err
	}
	plain, err := at(probs, chosen)
	if err != nil {
		return nil, err
	}
	for i := range tokens {
		t := &tokens[i]
		t.Steered, t.Plain = math.Exp(steered[i]), plain[i]
		if r != nil {
			r.tell(t)
		}
	}
	return tokens, nil
}

// tell copies a sample's share of a report.
func (r *Report) tell(t *Token) {
	t.KL = r.KL[t.Sample]
	for i, losses := range r.Losses {
		t.Losses = append(t.Losses, losses[t.Sample])
		norms := make([]float64, len(r.Norms[i]))
		for g, group := range r.Norms[i] {
			norms[g] = group[t.Sample]
		}
		t.Norms = append(t.Norms, norms)
	}
}

// take takes a token of each row of p (B, V), of which only the top is kept.
func (g *Generator) take(p *autograd.Var) (tokens []Token, chosen []int32, err error) {
	numbers, err := g.rows.read(g.info.Backend, p.Value)
	if err != nil {
		return nil, nil, err
	}
	r, v := &g.request, p.Value.Dim(1)
	for i := range g.text {
		row := numbers[i*v : (i+1)*v]
		total, err := keepTop(row, r.Settings.TopK)
		if err != nil {
			return nil, nil, fmt.Errorf("sample %d: %w", i, err)
		}
		var id int32
		switch {
		case r.Replay != nil:
			id = r.Replay[i][g.index]
		case r.Settings.Sample:
			id = draw(row, total, noise(r.Seed, r.First+i, g.index))
		default:
			id = likeliest(row)
		}
		t := Token{Sample: i, Index: g.index, ID: id, P: row[id], Distribution: row}
		for _, likelihood := range g.likelihood {
			t.Likelihood = append(t.Likelihood, likelihood[i])
		}
		tokens, chosen = append(tokens, t), append(chosen, id)
	}
	return tokens, chosen, nil
}
