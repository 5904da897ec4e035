package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/tensor"
)

// Limits bound what is done at once. A sample of a request is a text.
type Limits struct {
	Texts int // at work
	Queue int // waiting
}

// Round tells of a pass of the model in which a group advanced by a token.
type Round struct {
	Tokens  int // one of each text
	Steered bool
	Time    time.Duration
}

// Engine is a language model at work.
type Engine struct {
	lm      pplm.LM
	begin   int32
	decoder func() *bpe.Decoder
	limits  Limits
	observe func(Round)
	wake    chan struct{} // has an element where there may be something new to do

	mu       sync.Mutex
	waiting  []*Stream
	working  []*Stream
	queued   int           // texts of waiting
	busy     int           // texts of working
	rotation time.Duration // of a turn of each group
	closed   bool

	// Run's alone.
	groups []*group
	bags   bags
	busied bool // something was asked for since it last rested
}

// New is an engine of m, which nobody else uses any more. own are bags that are
// weighed before they are asked for, when nothing else is to do. observe, where it
// is not nil, hears of every round.
func New(m *models.Model, limits Limits, own []Attribute, observe func(Round)) *Engine {
	return &Engine{
		lm: m.LM, begin: m.Begin, decoder: m.Decoder, limits: limits, observe: observe,
		wake: make(chan struct{}, 1), bags: newBags(own),
	}
}

// Submit asks for texts. It fails with a [*FullError], an [*InvalidError] or
// [ErrClosed]. When ctx ends so do the texts. The caller closes the stream.
func (e *Engine) Submit(ctx context.Context, r *Request) (*Stream, error) {
	if r.Samples > e.limits.Texts {
		return nil, &InvalidError{fmt.Errorf("%d texts at once: at most %d are at work", r.Samples, e.limits.Texts)}
	}
	s := &Stream{engine: e, ctx: ctx, request: r, key: r.key(), ready: make(chan struct{}, 1)}
	s.left.Store(int64(r.Length))
	for i := range r.Samples {
		s.samples = append(s.samples, &sample{
			number: i, decoder: e.decoder(), stop: r.Stop, begin: e.begin, length: r.Length,
		})
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	if e.busy+e.queued+r.Samples > e.limits.Texts+e.limits.Queue {
		return nil, &FullError{e.patience()}
	}
	e.waiting = append(e.waiting, s)
	e.queued += r.Samples
	e.alarm()
	return s, nil
}

// patience is how long the text nearest to its end still takes, at the pace of the
// latest rounds.
func (e *Engine) patience() time.Duration {
	least := int64(0)
	for i, s := range e.working {
		if left := s.left.Load(); i == 0 || left < least {
			least = left
		}
	}
	wait := (time.Duration(least) * e.rotation).Round(time.Second)
	return max(wait, time.Second)
}

// Load is how many texts are at work and how many wait.
func (e *Engine) Load() (working, waiting int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.busy, e.queued
}

// Close lets requests that are there end and takes no further ones.
func (e *Engine) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
}

// Run works until ctx ends, and then ends all streams.
func (e *Engine) Run(ctx context.Context) {
	defer e.end()
	for at := 0; ctx.Err() == nil; {
		e.admit()
		if len(e.groups) == 0 {
			e.rest(ctx)
			continue
		}
		at %= len(e.groups)
		if e.turn(ctx, e.groups[at]) {
			at++
		} else {
			e.groups = slices.Delete(e.groups, at, at+1)
		}
		e.measure()
	}
}

// lull is how long nothing must have been asked for before bags are weighed, so that
// texts which come one after another need not wait for them.
const lull = 100 * time.Millisecond

// rest waits until there is something to do, and meanwhile weighs bags.
func (e *Engine) rest(ctx context.Context) {
	w, pause := e.bags.spare(), time.Duration(0)
	if e.busied {
		pause = lull
	}
	var calm <-chan time.Time // never, where all is weighed
	if w != nil {
		calm = time.After(pause)
	}
	select {
	case <-e.wake:
		e.busied = true
	case <-ctx.Done():
	case <-calm:
		e.busied = false
		if err := weigh(ctx, e, w); err != nil {
			e.bags.idle = e.bags.idle[1:] // who asks for it hears why
		}
	}
}

func weigh(ctx context.Context, e *Engine, w *weighing) (err error) {
	defer caught(&err)
	defer tensor.Catch(&err)
	return w.step(ctx, e.lm, e.begin)
}

// admit gives places to those who have waited longest.
func (e *Engine) admit() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.waiting) > 0 {
		s := e.waiting[0]
		n := s.request.Samples
		if e.busy+n > e.limits.Texts {
			return
		}
		e.waiting = slices.Delete(e.waiting, 0, 1)
		e.queued -= n
		e.working = append(e.working, s)
		e.busy += n
		e.place(s)
	}
}

// place puts a stream into the group of its key.
func (e *Engine) place(s *Stream) {
	i := slices.IndexFunc(e.groups, func(g *group) bool { return g.key == s.key })
	if i < 0 {
		g := &group{key: s.key, request: s.request}
		for k := range s.request.Attributes {
			var w *weighing
			if a := &s.request.Attributes[k]; a.Bag != nil {
				w = e.bags.find(a)
			}
			g.bags = append(g.bags, w)
		}
		i = len(e.groups)
		e.groups = append(e.groups, g)
	}
	e.groups[i].newcomer = append(e.groups[i].newcomer, s)
}

// leave gives a stream's place in the queue back; one at work keeps its own until
// its group drops it.
func (e *Engine) leave(s *Stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := slices.Index(e.waiting, s); i >= 0 {
		e.waiting = slices.Delete(e.waiting, i, i+1)
		e.queued -= s.request.Samples
	}
}

// finish gives the place of a stream that was at work to others.
func (e *Engine) finish(s *Stream) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := slices.Index(e.working, s); i >= 0 {
		e.working = slices.Delete(e.working, i, i+1)
		e.busy -= s.request.Samples
	}
}

// alarm wakes the engine.
func (e *Engine) alarm() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// measure notes how long a turn of each group takes.
func (e *Engine) measure() {
	var sum time.Duration
	for _, g := range e.groups {
		sum += g.took
	}
	e.mu.Lock()
	e.rotation = sum
	e.mu.Unlock()
}

// end ends all streams.
func (e *Engine) end() {
	e.mu.Lock()
	e.closed = true
	waiting := e.waiting
	e.waiting, e.queued = nil, 0
	e.mu.Unlock()
	for _, s := range waiting {
		s.end(ErrClosed)
	}
	for _, g := range e.groups {
		e.fail(g, ErrClosed)
	}
	e.groups = nil
}
