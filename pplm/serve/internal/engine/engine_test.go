package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/pplm/serve/internal/engine"
	"github.com/tiller-ml/tiller/pplm/serve/internal/servetest"
	"github.com/tiller-ml/tiller/tensor"
)

// start runs an engine until the test ends, or the function is called.
func start(t *testing.T, m *models.Model, limits engine.Limits, own []engine.Attribute, observe func(engine.Round)) (*engine.Engine, func()) {
	e := engine.New(m, limits, own, observe)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.Run(ctx)
	}()
	stop := func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return e, stop
}

// bag is an attribute of words.
func bag(t *testing.T, m *models.Model, weight float64, words ...string) engine.Attribute {
	b, err := m.Words("some", words)
	require.NoError(t, err)
	return engine.Attribute{ID: fmt.Sprint(words), Bag: b, Weight: weight}
}

func discriminator(t *testing.T, weight float64) engine.Attribute {
	h, err := head.New([]string{"good", "bad"}, 16, 5)
	require.NoError(t, err)
	return engine.Attribute{ID: "head", Head: h, Class: 1, Weight: weight}
}

// request asks for tokens after a prompt.
func request(t *testing.T, m *models.Model, prompt string, length int, attributes ...engine.Attribute) *engine.Request {
	ids, err := m.Read(prompt)
	require.NoError(t, err)
	how := pplm.Default()
	how.Sample, how.Iterations = true, 2
	return &engine.Request{Prompt: ids, Length: length, Samples: 1, Seed: 7, Attributes: attributes, Settings: how}
}

// read reads a stream to its end: the texts of its samples, and the ids.
func read(ctx context.Context, s *engine.Stream, samples int) (ids [][]int32, err error) {
	ids = make([][]int32, samples)
	for {
		pieces, err := s.Next(ctx)
		if errors.Is(err, io.EOF) {
			return ids, nil
		}
		if err != nil {
			return nil, err
		}
		for _, p := range pieces {
			for _, x := range p.Tokens {
				ids[p.Sample] = append(ids[p.Sample], x.ID)
			}
		}
	}
}

// alone is the text of a request by itself.
func alone(t *testing.T, m *models.Model, r *engine.Request) (ids [][]int32) {
	q := pplm.Request{Prompt: r.Prompt, Length: r.Length, Samples: r.Samples, Seed: r.Seed, Settings: r.Settings}
	for _, a := range r.Attributes {
		var x pplm.Attribute = &pplm.Discriminator{Head: a.Head, Class: a.Class, Horizon: 1}
		if a.Bag != nil {
			weighed, err := a.Bag.Weighed(t.Context(), m, m.Begin)
			require.NoError(t, err)
			x = weighed
		}
		if a.Weight < 0 {
			x, a.Weight = pplm.Not(x), -a.Weight
		}
		q.Attributes = append(q.Attributes, pplm.Weight(a.Weight, x))
	}
	samples, err := pplm.Generate(t.Context(), m, q, nil)
	require.NoError(t, err)
	for _, s := range samples {
		ids = append(ids, s.Tokens)
	}
	return ids
}

// Texts that are made together, of several groups, seeds, lengths and numbers of
// samples, are those that each is alone.
func TestTogether(t *testing.T) {
	_, m := servetest.New(t)
	words := bag(t, m, 1.5, "ship", "sea", "s")
	away := words
	away.Weight = -2
	var requests []*engine.Request
	for i, a := range [][]engine.Attribute{nil, {words}, {away}, {discriminator(t, 1)}, {words, discriminator(t, -1)}} {
		for k := range 5 {
			r := request(t, m, Prompts[(i+k)%len(Prompts)], 5+3*k, a...)
			r.Seed, r.Samples = uint64(10*i+k), 1+k%3
			r.Settings.Temperature, r.Settings.TopK = 1+float64(k)/10, 5*k
			requests = append(requests, r)
		}
	}
	e, _ := start(t, m, engine.Limits{Texts: 20, Queue: 100}, nil, nil)
	got := make([][][]int32, len(requests))
	var all sync.WaitGroup
	for i, r := range requests {
		s, err := e.Submit(t.Context(), r)
		require.NoError(t, err)
		all.Go(func() {
			defer s.Close()
			ids, err := read(t.Context(), s, r.Samples)
			assert.NoError(t, err)
			got[i] = ids
		})
	}
	all.Wait()
	working, waiting := e.Load()
	assert.Zero(t, working+waiting)
	for i, r := range requests {
		assert.Equal(t, alone(t, m, r), got[i], "request %d", i)
	}
}

// Prompts have different lengths.
var Prompts = []string{"a", "The sea and", "In the beginning, all was one. Then", "x-y"}

// After a stream is closed, or its context has ended, no pass of the model begins
// but that which is under way.
func TestCancel(t *testing.T) {
	for _, how := range []string{"closed", "cancelled", "cancelled while it waits"} {
		t.Run(how, func(t *testing.T) {
			lm, m := servetest.New(t)
			live := lm.Backend.LiveBytes()
			e, _ := start(t, m, engine.Limits{Texts: 1, Queue: 1}, nil, nil)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s, err := e.Submit(ctx, request(t, m, "The sea", 200, bag(t, m, 1, "s")))
			require.NoError(t, err)
			_, err = s.Next(t.Context())
			require.NoError(t, err)
			if how == "cancelled while it waits" {
				other, err := e.Submit(ctx, request(t, m, "The sea", 200))
				require.NoError(t, err)
				defer other.Close()
			}

			begun, gate := make(chan struct{}), make(chan struct{})
			once := sync.OnceFunc(func() { close(begun) })
			lm.Before(func() { once(); <-gate })
			<-begun
			if how == "closed" {
				s.Close()
			} else {
				cancel()
			}
			at := lm.Passes.Load()
			close(gate)
			require.Eventually(t, func() bool {
				working, waiting := e.Load()
				return working+waiting == 0
			}, 10*time.Second, time.Millisecond)
			assert.LessOrEqual(t, lm.Passes.Load()-at, int64(8), "the rest of one token: its moves, and the two states' steps")
			assert.Equal(t, live, lm.Backend.LiveBytes())
			left := lm.Passes.Load()
			time.Sleep(20 * time.Millisecond)
			assert.Equal(t, left, lm.Passes.Load())
			_, err = read(t.Context(), s, 1)
			if how != "closed" {
				assert.ErrorIs(t, err, context.Canceled)
			}
		})
	}
}

// Beyond the texts at work and those that wait, requests are refused; places are
// given in the order of coming.
func TestQueue(t *testing.T) {
	lm, m := servetest.New(t)
	gate := make(chan struct{})
	lm.Before(func() { <-gate })
	e, _ := start(t, m, engine.Limits{Texts: 2, Queue: 2}, nil, nil)
	submit := func(samples int) (*engine.Stream, error) {
		r := request(t, m, "The sea", 3)
		r.Samples = samples
		return e.Submit(t.Context(), r)
	}
	first, err := submit(2)
	require.NoError(t, err)
	second, err := submit(1)
	require.NoError(t, err)
	third, err := submit(1)
	require.NoError(t, err)
	_, err = submit(1)
	var full *engine.FullError
	require.ErrorAs(t, err, &full)
	assert.GreaterOrEqual(t, full.After, time.Second)
	_, err = submit(3)
	var invalid *engine.InvalidError
	assert.ErrorAs(t, err, &invalid, "more than can ever be at work")

	second.Close()
	fourth, err := submit(1)
	require.NoError(t, err, "the place of one that left")
	require.Eventually(t, func() bool { working, waiting := e.Load(); return working == 2 && waiting == 2 }, 10*time.Second, time.Millisecond)
	close(gate)
	for _, s := range []*engine.Stream{first, third, fourth} {
		ids, err := read(t.Context(), s, 2)
		require.NoError(t, err)
		assert.Len(t, ids[0], 3)
		s.Close()
	}
}

// A group whose texts take long, and a long prompt, hold the others up by a turn at
// most.
func TestTurns(t *testing.T) {
	_, m := servetest.New(t)
	var mu sync.Mutex
	var rounds []bool // whether they were steered
	e, _ := start(t, m, engine.Limits{Texts: 4, Queue: 0}, nil, func(r engine.Round) {
		mu.Lock()
		defer mu.Unlock()
		rounds = append(rounds, r.Steered)
	})
	slow := request(t, m, "The sea", 40, bag(t, m, 1, "s"))
	slow.Settings.Iterations = 10
	var streams []*engine.Stream
	for _, r := range []*engine.Request{slow, request(t, m, "The land", 40)} {
		s, err := e.Submit(t.Context(), r)
		require.NoError(t, err)
		defer s.Close()
		streams = append(streams, s)
	}
	for _, s := range streams {
		_, err := read(t.Context(), s, 1)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { // the last is told of after its text has ended
		mu.Lock()
		defer mu.Unlock()
		return len(rounds) == 80
	}, 10*time.Second, time.Millisecond)
	changes := 0
	for i := range rounds[1:] {
		if rounds[i] != rounds[i+1] {
			changes++
		}
	}
	assert.Greater(t, changes, 60, "they take turns")
}

// When the engine ends so do all streams, and nothing is left in memory; a closed
// one takes no more requests but ends those it has.
func TestEnd(t *testing.T) {
	lm, m := servetest.New(t)
	live := lm.Backend.LiveBytes()
	e, stop := start(t, m, engine.Limits{Texts: 2, Queue: 2}, nil, nil)
	var streams []*engine.Stream
	for _, length := range []int{3, 200, 200} {
		s, err := e.Submit(t.Context(), request(t, m, "The sea", length))
		require.NoError(t, err)
		streams = append(streams, s)
	}
	e.Close()
	_, err := e.Submit(t.Context(), request(t, m, "The sea", 1))
	require.ErrorIs(t, err, engine.ErrClosed)
	_, err = read(t.Context(), streams[0], 1)
	require.NoError(t, err)
	lm.Before(func() { time.Sleep(time.Millisecond) })
	stop()
	for _, s := range streams[1:] {
		_, err := read(t.Context(), s, 1)
		assert.ErrorIs(t, err, engine.ErrClosed)
		s.Close()
	}
	assert.Equal(t, live, lm.Backend.LiveBytes())
}

// A model that fails ends the texts at work and no others.
func TestFault(t *testing.T) {
	lm, m := servetest.New(t)
	words := bag(t, m, 1, "ship")
	e, _ := start(t, m, engine.Limits{Texts: 2, Queue: 2}, nil, nil)
	for _, attributes := range [][]engine.Attribute{nil, {words}} {
		for _, fault := range []func(){
			func() { tensor.Panicf("Step", nil, "on fire") },
			func() { panic("on fire") },
		} {
			lm.Before(fault)
			s, err := e.Submit(t.Context(), request(t, m, "The sea", 3, attributes...))
			require.NoError(t, err)
			_, err = read(t.Context(), s, 1)
			require.ErrorContains(t, err, "on fire")
			s.Close()
			lm.Before(nil)
			s, err = e.Submit(t.Context(), request(t, m, "The sea", 3, attributes...))
			require.NoError(t, err)
			_, err = read(t.Context(), s, 1)
			require.NoError(t, err)
			s.Close()
		}
	}
}

// What the group finds wrong is the request's fault.
func TestInvalid(t *testing.T) {
	_, m := servetest.New(t)
	e, _ := start(t, m, engine.Limits{Texts: 2, Queue: 2}, nil, nil)
	long, twice := request(t, m, "The sea", 1000), bag(t, m, -1, "s")
	twice.Bag.Words[0].Times = 2
	for _, r := range []*engine.Request{long, request(t, m, "The sea", 3, twice)} {
		s, err := e.Submit(t.Context(), r)
		require.NoError(t, err)
		_, err = read(t.Context(), s, 1)
		var invalid *engine.InvalidError
		assert.ErrorAs(t, err, &invalid)
		s.Close()
	}
	working, _ := e.Load()
	assert.Zero(t, working)
}

// The server's bags are weighed when there is nothing to do, a request's own once.
func TestWeighing(t *testing.T) {
	lm, m := servetest.New(t)
	var words []string
	for _, a := range servetest.Letters[:52] {
		for _, b := range "aeiou" {
			words = append(words, string(a)+string(b))
		}
	}
	own := bag(t, m, 1, words...)
	e, _ := start(t, m, engine.Limits{Texts: 2, Queue: 2}, []engine.Attribute{own}, nil)
	require.Eventually(t, func() bool { return lm.Passes.Load() == 5*2 }, 10*time.Second, time.Millisecond, "260 words of 3 tokens, 64 together")

	passes := func(a engine.Attribute) int64 {
		before := lm.Passes.Load()
		r := request(t, m, "The sea", 1, a)
		r.Settings.Iterations = 0
		s, err := e.Submit(t.Context(), r)
		require.NoError(t, err)
		defer s.Close()
		ids, err := read(t.Context(), s, 1)
		require.NoError(t, err)
		count := lm.Passes.Load() - before
		assert.Equal(t, alone(t, m, r), ids)
		return count
	}
	first := bag(t, m, 1, words[:100]...)
	fresh, known := passes(first), passes(first)
	assert.Equal(t, known+4, fresh, "two batches")
	assert.Equal(t, known, passes(own), "nothing is weighed again")
}

// Chunks of a bag that are weighed one by one are the bag weighed at once.
func TestWeighedAlike(t *testing.T) {
	_, m := servetest.New(t)
	e, _ := start(t, m, engine.Limits{Texts: 1, Queue: 0}, nil, nil)
	words := []string{"s", "ship", "sea", "a", "storm", "q"}
	r := request(t, m, "The s", 30, bag(t, m, 1, words...))
	r.Settings.StepSize = 0.5
	s, err := e.Submit(t.Context(), r)
	require.NoError(t, err)
	defer s.Close()
	ids, err := read(t.Context(), s, 1)
	require.NoError(t, err)
	assert.Equal(t, alone(t, m, r), ids)
	plain := *r
	plain.Attributes = nil
	assert.False(t, slices.EqualFunc(alone(t, m, &plain), ids, slices.Equal[[]int32]), "it steers")
}
