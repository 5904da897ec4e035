package pplm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// feedRows is the length of the pieces in which a prompt is read.
const feedRows = 256

// Group lets texts of one set of attributes and one way of steering advance
// together: a pass of the model for all of them, whatever their lengths. Texts may
// come and go at any time. It belongs to one goroutine. Free gives its memory back.
type Group struct {
	lm         LM
	info       Info
	attributes []Attribute
	how        Settings
	steer      *Perturber // nil: texts are not steered

	texts  []*Text
	tape   *autograd.Tape // for passes without gradients, used again for each
	rows   reader         // of what tokens are taken from, (B, V)
	failed error          // what ended the group
	freed  bool
}

// Text is a request's samples in a [Group].
type Text struct {
	request Request
	unread  []int32   // of the prompt, but for its last token
	text    [][]int32 // by sample: the prompt and the tokens so far
	index   int       // of the next token among the new ones

	plain   State          // all but the last token of text have been read; before ready, by one sample
	steered State          // the same, with what moved; nil where the text is not steered
	past    *tensor.Tensor // (B, H): the sum of the plain hidden states; before ready (1, H)
	latest  *tensor.Tensor // (B, H): the last of them, not yet in past; nil before the first
	count   int            // of those in past
	largest [][]float64    // see [Moment]
	ready   bool           // the prompt has been read

	likelihood [][]float64 // by attribute and sample, at the last token read
	sums       [][]float64 // of likelihood, over the new tokens' positions

	tokens []Token
	err    error
}

// NewGroup is a group without texts. Its errors tell what of the attributes or the
// settings does not fit.
func NewGroup(lm LM, attributes []Attribute, how Settings) (*Group, error) {
	g := &Group{lm: lm, info: lm.Info(), attributes: attributes, how: how}
	if err := how.Check(); err != nil {
		return nil, err
	}
	for _, a := range attributes {
		if err := checkAttribute(a, g.info); err != nil {
			return nil, err
		}
	}
	g.tape = autograd.NewTape(g.info.Backend)
	if len(attributes) > 0 && how.Iterations > 0 {
		g.steer = NewPerturber(lm, attributes, how)
	}
	return g, nil
}

// Free gives the group's memory back, and that of its texts.
func (g *Group) Free() {
	for _, t := range g.texts {
		g.release(t)
	}
	g.tape.Free()
	if g.steer != nil {
		g.steer.Free()
	}
	g.texts, g.steer, g.freed = nil, nil, true
}

// wantLive panics where the group has been freed.
func (g *Group) wantLive(method string) {
	if g.freed {
		tensor.Panicf("pplm.Group."+method, nil, "the group has been freed")
	}
}

// Len is the number of texts.
func (g *Group) Len() int { return len(g.texts) }

// Add adds a text, whose prompt the next rounds read. Its attributes are the
// group's and its steering too: r.Attributes is nil, and of r.Settings only how
// tokens are drawn may differ. Errors tell what is wrong with the request.
func (g *Group) Add(r Request) (*Text, error) {
	g.wantLive("Add")
	switch {
	case r.Attributes != nil:
		return nil, errors.New("a text of a group has the group's attributes, none of its own")
	case r.Settings.steering() != g.how.steering():
		return nil, errors.New("a text of a group is steered as the group is")
	}
	r.Attributes = g.attributes
	if err := r.check(g.info); err != nil {
		return nil, err
	}
	t := &Text{request: r, unread: r.Prompt[:len(r.Prompt)-1]}
	for range r.Samples {
		t.text = append(t.text, slices.Clone(r.Prompt))
	}
	if past := len(r.Prompt) + lookAhead(r.Attributes) - g.info.Positions; g.info.Positions > 0 && past > 0 {
		t.unread = t.unread[len(t.unread)-g.half():] // only with Slide
	}
	for range g.attributes {
		t.sums = append(t.sums, make([]float64, r.Samples))
	}
	t.plain = g.lm.Start(1)
	t.past = backend.Zeros(g.info.Backend, g.info.DType, 1, g.info.Width)
	g.texts = append(g.texts, t)
	return t, nil
}

// Remove takes a text out and gives its memory back.
func (g *Group) Remove(t *Text) {
	g.wantLive("Remove")
	i := slices.Index(g.texts, t)
	if i < 0 {
		tensor.Panicf("pplm.Group.Remove", nil, "the text is not in the group")
	}
	g.texts = slices.Delete(g.texts, i, i+1)
	g.release(t)
	if g.steer != nil && len(g.texts) == 0 {
		g.steer.freeDeltas()
	}
}

func (g *Group) release(t *Text) {
	for _, s := range []State{t.plain, t.steered} {
		if s != nil {
			s.Free()
		}
	}
	backend.Release(g.info.Backend, t.past, t.latest)
	t.plain, t.steered, t.past, t.latest, t.tokens = nil, nil, nil, nil, nil
}

// Tokens are what the last round chose, one of each sample, and valid until the
// next: none while the prompt is being read, and none of a text that has ended.
func (t *Text) Tokens() []Token { return t.tokens }

// Done tells whether the text has all its tokens.
func (t *Text) Done() bool { return t.index >= t.request.Length }

// Err is what ended the text: a loss or a probability that is no number.
func (t *Text) Err() error { return t.err }

// Next is a round: a token of each text whose prompt has been read, after a piece
// of at most 256 tokens of those that have not. Texts that are done, or have ended
// with an error of their own, stay as they are. Next's error is the device's or
// ctx's, and ends the group: it comes again each time.
func (g *Group) Next(ctx context.Context) error {
	g.wantLive("Next")
	if g.failed == nil {
		g.failed = g.round(ctx)
	}
	return g.failed
}

func (g *Group) round(ctx context.Context) error {
	var ready []*Text
	for _, t := range g.texts {
		t.tokens = nil
		if t.Done() || t.err != nil {
			continue
		}
		if err := g.read(ctx, t); err != nil {
			return err
		}
		if t.ready {
			ready = append(ready, t)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	return g.advance(ctx, ready)
}

// read reads a piece of what is unread of a prompt, which all samples share. With the
// last piece the text is ready.
func (g *Group) read(ctx context.Context, t *Text) error {
	if t.ready {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("reading the prompt: %w", err)
	}
	b := g.info.Backend
	if n := min(feedRows, len(t.unread)); n > 0 {
		piece := t.unread[:n]
		t.unread, t.count = t.unread[n:], t.count+n
		_, hidden, next := g.lm.Step(g.tape, g.tape.Own(ids(b, [][]int32{piece})), t.plain)
		t.plain = next[0].Keep()
		b.Binary(backend.Add, t.past, t.past, autograd.Reshape(autograd.Sum(hidden, 0), 1, -1).Value)
		g.tape.Reset()
	}
	if len(t.unread) > 0 {
		return nil
	}
	g.spread(t)
	return b.Sync()
}

// spread makes a batch of what one sample has read.
func (g *Group) spread(t *Text) {
	b, samples := g.info.Backend, t.request.Samples
	t.ready = true
	if g.steer != nil {
		t.steered = t.plain.Copy(samples)
	}
	if samples == 1 {
		return
	}
	one, sum := t.plain, t.past
	t.plain = one.Copy(samples)
	t.past = backend.New(b, g.info.DType, samples, g.info.Width)
	b.Copy(t.past, sum.Broadcast(t.past.Shape...))
	one.Free()
	backend.Release(b, sum)
}

// half is how many tokens are read again where the window slides.
func (g *Group) half() int { return g.info.Positions / 2 }

// makeRoom slides a text where no positions are left for so many tokens.
func (g *Group) makeRoom(t *Text, tokens int) {
	if p := g.info.Positions; p > 0 && t.plain.Len()+tokens > p {
		g.slide(t)
	}
}

// slide starts a text again from the newest half of the positions. What moved is
// forgotten with the rest.
func (g *Group) slide(t *Text) {
	n := len(t.text[0]) - 1
	tail := make([][]int32, len(t.text))
	for i, text := range t.text {
		tail[i] = text[n-g.half() : n]
	}
	t.plain.Free()
	t.plain = nil
	_, _, next := g.lm.Step(g.tape, g.tape.Own(ids(g.info.Backend, tail)), g.lm.Start(len(tail)))
	t.plain = next[0].Keep()
	g.tape.Reset()
	if t.steered != nil {
		t.steered.Free()
		t.steered = t.plain.Copy(len(tail))
	}
}
