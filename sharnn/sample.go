package sharnn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// sampleSite keeps draws in a stream apart from dropout masks and initial values.
const sampleSite = 1 << 25

// feedRows is the length of the segments in which a prompt is read.
const feedRows = 256

// Sampling says how the next symbol is drawn from the model's distribution.
type Sampling struct {
	Temperature float64 // divides the logits; 0 takes the likeliest symbol
	TopK        int     // only the k likeliest symbols; 0: all
	TopP        float64 // of these, only the likeliest that add up to p; 1: all
	Seed        uint64
}

// Check tells what is wrong with a Sampling.
func (s Sampling) Check() error {
	switch {
	case !(s.Temperature >= 0) || math.IsInf(s.Temperature, 1):
		return fmt.Errorf("temperature is %v: want 0 or more", s.Temperature)
	case s.TopK < 0:
		return fmt.Errorf("top_k is %d: want 0 or more", s.TopK)
	case !(s.TopP > 0 && s.TopP <= 1):
		return fmt.Errorf("top_p is %v: want more than 0 and at most 1", s.TopP)
	}
	return nil
}

// Sampler draws one text from a model, symbol by symbol. The same prompt, fed in
// the same pieces, and the same seed give the same text: the draw at position n
// takes its random number from the seed and n alone. Free gives the state back.
// A Sampler belongs to one goroutine.
type Sampler struct {
	model    *Model
	how      Sampling
	state    *State
	tape     *autograd.Tape // used again for every symbol
	position uint32         // symbols so far, the last draw's included
	logits   []float64      // (V) of the next symbol; nil where the last draw is not read yet
	last     int32          // the last draw
	order    []int          // scratch: symbols, likeliest first
}

// NewSampler starts a text. It wants a prompt, be it of one symbol, before the
// first draw.
func NewSampler(m *Model, how Sampling) (*Sampler, error) {
	if err := how.Check(); err != nil {
		return nil, fmt.Errorf("sampling: %w", err)
	}
	return &Sampler{model: m, how: how, state: m.NewState(1), tape: autograd.NewTape(m.Backend)}, nil
}

// Free gives the state back.
func (s *Sampler) Free() { s.state.Free() }

// Feed reads symbols that are given, not drawn. It returns an error for an id
// that is not one of the model's symbols, a device's fault, or ctx cancelled.
func (s *Sampler) Feed(ctx context.Context, ids []int32) error {
	if err := s.model.checkIDs(ids); err != nil {
		return fmt.Errorf("reading a prompt: %w", err)
	}
	if err := s.catchUp(); err != nil {
		return fmt.Errorf("reading a prompt: %w", err)
	}
	for chunk := range slices.Chunk(ids, feedRows) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading a prompt: %w", err)
		}
		if err := s.read(chunk); err != nil {
			return fmt.Errorf("reading a prompt: %w", err)
		}
		s.position += uint32(len(chunk))
	}
	return nil
}

// Next draws a symbol, which is the next one's past.
func (s *Sampler) Next() (int32, error) {
	if s.position == 0 {
		return 0, errors.New("sampling: nothing to go on: feed a prompt first")
	}
	if err := s.catchUp(); err != nil {
		return 0, fmt.Errorf("sampling: %w", err)
	}
	for id, l := range s.logits {
		if math.IsNaN(l) || math.IsInf(l, 0) {
			return 0, fmt.Errorf("sampling: the model's logit of symbol %d is %v", id, l)
		}
	}
	s.last = s.draw()
	s.logits = nil
	s.position++
	return s.last, nil
}

// catchUp reads the last draw, which Next leaves to whoever wants what follows.
func (s *Sampler) catchUp() error {
	if s.position == 0 || s.logits != nil {
		return nil
	}
	return s.read([]int32{s.last})
}

// read moves the state past ids and keeps the logits after the last.
func (s *Sampler) read(ids []int32) (err error) {
	b, tape, T := s.model.Backend, s.tape, len(ids)
	defer tape.Reset()
	var logits *autograd.Var
	step := func() {
		x := tape.Own(backend.FromSlice(b, ids, T, 1))
		h, next := s.model.Run(s.model.Embed(x, nil), s.state.Carry(tape, T), nil)
		logits = s.model.Logits(autograd.Slice(h, 0, T-1, T))
		s.state.Advance(next)
	}
	if T == 1 { // the same work for every symbol
		backend.Graph(b, step)
	} else {
		step()
	}
	s.logits, err = backend.Floats(b, logits.Value)
	return err
}

// draw turns the logits into weights and picks a symbol. Equal weights stand in
// the symbols' order.
func (s *Sampler) draw() int32 {
	best := 0
	for id, l := range s.logits {
		if l > s.logits[best] {
			best = id
		}
	}
	if s.how.Temperature == 0 {
		return int32(best)
	}
	weights, most := s.logits, s.logits[best]
	s.order = s.order[:0]
	for id, l := range weights {
		weights[id] = math.Exp((l - most) / s.how.Temperature)
		s.order = append(s.order, id)
	}
	kept := s.keep(weights)
	key := tensor.Key{Seed: s.how.Seed, Step: s.position, Site: sampleSite}
	left := key.Uniform(0) * total(weights, kept)
	for _, id := range kept {
		if left -= weights[id]; left < 0 {
			return int32(id)
		}
	}
	return int32(best) // rounding left more than the last weight
}

// keep are the symbols that top_k and top_p leave, the likeliest at least.
func (s *Sampler) keep(weights []float64) []int {
	kept := s.order
	if s.how.TopK == 0 && s.how.TopP == 1 {
		return kept
	}
	slices.SortStableFunc(kept, func(a, b int) int { return cmp.Compare(weights[b], weights[a]) })
	if s.how.TopK > 0 {
		kept = kept[:min(s.how.TopK, len(kept))]
	}
	if s.how.TopP == 1 {
		return kept
	}
	room := s.how.TopP * total(weights, kept)
	for i, id := range kept {
		if room -= weights[id]; room <= 0 {
			return kept[:i+1]
		}
	}
	return kept
}

func total(weights []float64, ids []int) float64 {
	sum := 0.0
	for _, id := range ids {
		sum += weights[id]
	}
	return sum
}
