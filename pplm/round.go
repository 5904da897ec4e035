package pplm

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// pass is what the plain states expect after the last tokens of texts, side by
// side, on the group's tape.
type pass struct {
	texts  []*Text
	tokens [][]int32 // by sample of all texts
	logits *autograd.Var
	probs  *autograd.Var // (B, V)
}

// advance makes a token of each sample of texts that are ready.
func (g *Group) advance(ctx context.Context, texts []*Text) error {
	for _, t := range texts {
		g.makeRoom(t, 1+lookAhead(g.attributes))
	}
	defer g.tape.Reset()
	p, err := g.readPlain(ctx, texts)
	if err != nil {
		return err
	}
	if g.steer == nil {
		return g.choosePlain(p)
	}
	reports, err := g.perturb(ctx, p)
	if err != nil {
		return err
	}
	return g.chooseSteered(ctx, p, reports)
}

// end ends a text where err is what is wrong with it alone.
func (t *Text) end(err error) {
	if err != nil && t.err == nil {
		t.err = fmt.Errorf("generating token %d: %w", t.index, err)
	}
}

// readPlain lets the plain states read the last tokens, and the attributes judge.
func (g *Group) readPlain(ctx context.Context, texts []*Text) (*pass, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := &pass{texts: texts}
	var states []State
	var counts []int
	for _, t := range texts {
		p.tokens, states = append(p.tokens, t.text...), append(states, t.plain)
	}
	b, tape, batch := g.info.Backend, g.tape, len(p.tokens)
	var losses []*autograd.Var
	backend.Graph(b, func() {
		var past []*autograd.Var
		for _, t := range texts {
			if t.latest != nil {
				b.Binary(backend.Add, t.past, t.past, t.latest)
				t.count++
				backend.Release(b, t.latest)
				t.latest = nil
			}
			past = append(past, tape.Leaf(t.past))
			counts = append(counts, slices.Repeat([]int{t.count}, len(t.text))...)
		}
		scores, hidden, next := g.lm.Step(tape, tape.Own(lastOf(b, p.tokens)), states...)
		for i, t := range texts {
			t.plain = next[i].Keep()
		}
		g.keepLatest(texts, hidden)
		p.logits = autograd.Reshape(scores, batch, -1)
		p.probs = autograd.Softmax(p.logits)
		c := &Context{
			Tape: tape, LM: g.lm, Tokens: p.tokens, Logits: p.logits, Probs: p.probs,
			Hidden: autograd.Reshape(hidden, batch, -1), Past: beside(past), Counts: counts,
		}
		losses = c.losses(g.attributes)
	})
	return p, g.judge(texts, losses)
}

// keepLatest takes the texts' rows of hidden (1, B, H).
func (g *Group) keepLatest(texts []*Text, hidden *autograd.Var) {
	if len(texts) == 1 {
		texts[0].latest = autograd.Keep(hidden).Reshape(hidden.Value.Dim(1), -1)
		return
	}
	at := 0
	for _, t := range texts {
		own := autograd.Slice(hidden, 1, at, at+len(t.text))
		t.latest = autograd.Keep(own).Reshape(len(t.text), -1)
		at += len(t.text)
	}
}

// beside are rows one after the other.
func beside(parts []*autograd.Var) *autograd.Var {
	if len(parts) == 1 {
		return parts[0]
	}
	return autograd.Concat(0, parts...)
}

// judge takes the attributes' losses of what has been read.
func (g *Group) judge(texts []*Text, losses []*autograd.Var) error {
	for _, t := range texts {
		t.likelihood = make([][]float64, len(losses))
	}
	for a, loss := range losses {
		numbers, err := new(reader).read(g.info.Backend, loss.Value)
		if err != nil {
			return err
		}
		for _, t := range texts {
			own := numbers[:len(t.text)]
			numbers = numbers[len(t.text):]
			for i, l := range own {
				if !finite(l) {
					t.end(fmt.Errorf("the unsteered loss of %s is %v in sample %d", nameOf(g.attributes[a]), l, i))
				}
				own[i] = -l
			}
			t.likelihood[a] = own
		}
	}
	return nil
}

// perturb moves the steered states of the texts that are still to be steered, and
// returns the reports of these, by text, nil for others.
func (g *Group) perturb(ctx context.Context, p *pass) ([]*Report, error) {
	reports := make([]*Report, len(p.texts))
	var moments []*Moment
	var which []int
	at := 0
	for i, t := range p.texts {
		probs := p.probs.Value.Slice(0, at, at+len(t.text))
		at += len(t.text)
		if n := g.how.GradLength; t.err != nil || t.steered.Len() == 0 || n > 0 && t.index >= n {
			continue
		}
		which = append(which, i)
		moments = append(moments, &Moment{
			Steered: t.steered, Plain: t.plain, Probs: probs, Past: t.past, Count: t.count, Tokens: t.text, Largest: t.largest,
		})
	}
	if len(moments) == 0 {
		return reports, nil
	}
	made, err := g.steer.Perturb(ctx, moments...)
	if err != nil {
		return nil, err
	}
	for k, i := range which {
		reports[i], p.texts[i].largest = made[k], moments[k].Largest
		p.texts[i].end(made[k].Err)
	}
	return reports, nil
}

// choosePlain takes tokens of the unsteered distributions.
func (g *Group) choosePlain(p *pass) error {
	scores, err := p.penalised(p.logits)
	if err != nil {
		return err
	}
	probs := p.probs
	if temperatures := p.each(func(how *Settings) float64 { return 1 / how.Temperature }); scores != p.logits || slices.Min(temperatures) != 1 || slices.Max(temperatures) != 1 {
		probs = autograd.Softmax(scaled(scores, temperatures))
	}
	chosen, err := g.take(p, probs)
	if err != nil {
		return err
	}
	plain, err := at(p.probs, chosen)
	if err != nil {
		return err
	}
	p.tell(func(token *Token, i int) { token.Steered, token.Plain = plain[i], plain[i] })
	return nil
}

// chooseSteered lets the steered states read the last tokens and takes tokens of
// what they expect, mixed with what the plain ones do.
func (g *Group) chooseSteered(ctx context.Context, p *pass, reports []*Report) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var moved *autograd.Var
	backend.Graph(g.info.Backend, func() {
		var states, next []State
		for _, t := range p.texts {
			states = append(states, t.steered)
		}
		moved, _, next = g.lm.Step(g.tape, g.tape.Own(lastOf(g.info.Backend, p.tokens)), states...)
		for i, t := range p.texts {
			t.steered = next[i].Keep()
		}
	})
	scores, err := p.penalised(autograd.Reshape(moved, len(p.tokens), -1))
	if err != nil {
		return err
	}
	logP := autograd.LogSoftmax(scaled(scores, p.each(func(how *Settings) float64 { return 1 / how.Temperature })))
	chosen, err := g.take(p, fuse(logP, autograd.LogSoftmax(p.logits), g.how.GMScale))
	if err != nil {
		return err
	}
	steered, err := at(logP, chosen)
	if err != nil {
		return err
	}
	plain, err := at(p.probs, chosen)
	if err != nil {
		return err
	}
	p.tell(func(token *Token, i int) { token.Steered, token.Plain = math.Exp(steered[i]), plain[i] })
	for i, t := range p.texts {
		for k := range t.tokens {
			if reports[i] != nil {
				reports[i].tell(&t.tokens[k])
			}
		}
	}
	return nil
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

// each are a setting of all samples.
func (p *pass) each(setting func(*Settings) float64) []float64 {
	var out []float64
	for _, t := range p.texts {
		out = append(out, slices.Repeat([]float64{setting(&t.request.Settings)}, len(t.text))...)
	}
	return out
}

func (p *pass) penalised(logits *autograd.Var) (*autograd.Var, error) {
	return penalised(logits, p.tokens, p.each(func(how *Settings) float64 { return how.Repetition }))
}

// tell completes the tokens just taken, by their samples' numbers among all.
func (p *pass) tell(complete func(token *Token, i int)) {
	first := 0
	for _, t := range p.texts {
		for i := range t.tokens {
			complete(&t.tokens[i], first+i)
		}
		first += len(t.text)
	}
}

// take takes a token of each row of probs (B, V), of which only the top is kept, and
// adds them to their texts. What it returns has a 0 for texts that have ended.
func (g *Group) take(p *pass, probs *autograd.Var) (chosen []int32, err error) {
	numbers, err := g.rows.read(g.info.Backend, probs.Value)
	if err != nil {
		return nil, err
	}
	v := probs.Value.Dim(1)
	for _, t := range p.texts {
		own := make([]int32, len(t.text))
		if tokens := t.take(numbers[:len(t.text)*v]); t.err == nil {
			t.add(tokens)
			for i := range tokens {
				own[i] = tokens[i].ID
			}
		}
		numbers, chosen = numbers[len(t.text)*v:], append(chosen, own...)
	}
	return chosen, nil
}

// take takes a token of each of the text's rows (B, V). It ends the text where rows
// are no probabilities.
func (t *Text) take(rows []float64) []Token {
	r, v := &t.request, len(rows)/len(t.text)
	tokens := make([]Token, len(t.text))
	for i := range tokens {
		row := rows[i*v : (i+1)*v]
		total, err := keepTop(row, r.Settings.TopK)
		if err != nil {
			t.end(fmt.Errorf("sample %d: %w", i, err))
			return nil
		}
		total = keepNucleus(row, total, r.Settings.TopP)
		var id int32
		switch {
		case r.Replay != nil:
			id = r.Replay[i][t.index]
		case r.Settings.Sample:
			id = draw(row, total, noise(r.Seed, r.First+i, t.index))
		default:
			id = likeliest(row)
		}
		tokens[i] = Token{Sample: i, Index: t.index, ID: id, P: row[id], Distribution: row}
		for _, likelihood := range t.likelihood {
			tokens[i].Likelihood = append(tokens[i].Likelihood, likelihood[i])
		}
	}
	return tokens
}

// add makes tokens part of the text.
func (t *Text) add(tokens []Token) {
	t.tokens = tokens
	for i, token := range tokens {
		t.text[i] = append(t.text[i], token.ID)
		for a := range t.sums {
			t.sums[a][i] += token.Likelihood[a]
		}
	}
	t.index++
}

// score makes samples of a text, for which the model reads its last tokens where an
// attribute judges what has been read.
func (g *Group) score(ctx context.Context, t *Text) ([]Sample, error) {
	out := make([]Sample, len(t.text))
	for i, text := range t.text {
		out[i].Tokens = slices.Clone(text[len(t.request.Prompt):])
	}
	if len(g.attributes) == 0 || t.index == 0 {
		return out, nil
	}
	if slices.ContainsFunc(g.attributes, ofText) {
		g.makeRoom(t, 1)
		defer g.tape.Reset()
		if _, err := g.readPlain(ctx, []*Text{t}); err != nil {
			return nil, fmt.Errorf("judging the text: %w", err)
		}
		if t.err != nil {
			return nil, t.err
		}
	}
	for a, attribute := range g.attributes {
		for i := range out {
			if ofText(attribute) {
				out[i].Score += t.likelihood[a][i]
			} else {
				out[i].Score += t.sums[a][i] / float64(t.index)
			}
		}
	}
	return out, nil
}

// ids puts the samples' tokens on the backend, (T, B).
func ids(b backend.Backend, text [][]int32) *tensor.Tensor {
	rows, batch := len(text[0]), len(text)
	flat := make([]int32, 0, rows*batch)
	for t := range rows {
		for _, sample := range text {
			flat = append(flat, sample[t])
		}
	}
	return backend.FromSlice(b, flat, rows, batch)
}
