package engine

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tiller-ml/tiller/pplm"
)

// Stream is the texts of a request as they grow. Close ends them.
type Stream struct {
	engine  *Engine
	ctx     context.Context // the request's
	request *Request
	key     string

	mu     sync.Mutex
	ready  chan struct{} // has an element where there is something new
	pieces []Piece
	err    error // how the stream ended, io.EOF where it is whole
	gone   bool  // closed by its reader

	left  atomic.Int64 // tokens of each sample to come
	count atomic.Int64 // tokens of all samples so far

	// The engine's alone.
	text    *pplm.Text
	samples []*sample
}

// Next waits for what there is more. After the last of it the error is io.EOF; one
// that ended the texts comes in its place.
func (s *Stream) Next(ctx context.Context) ([]Piece, error) {
	for {
		s.mu.Lock()
		pieces, err := s.pieces, s.err
		s.pieces = nil
		s.mu.Unlock()
		switch {
		case len(pieces) > 0:
			return pieces, nil
		case err != nil:
			return nil, err
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Tokens is how many tokens were made, those of stop strings included.
func (s *Stream) Tokens() int { return int(s.count.Load()) }

// Close ends the texts, if they have not ended: the engine makes no further token
// of them.
func (s *Stream) Close() {
	s.mu.Lock()
	s.gone, s.pieces = true, nil
	s.mu.Unlock()
	s.engine.leave(s)
}

// over tells whether nobody waits for the texts any more.
func (s *Stream) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone || s.ctx.Err() != nil
}

// put hands pieces to the reader.
func (s *Stream) put(pieces ...Piece) {
	s.mu.Lock()
	if !s.gone {
		s.pieces = append(s.pieces, pieces...)
	}
	s.mu.Unlock()
	s.tell()
}

// end ends the stream. Only the first call counts.
func (s *Stream) end(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	s.tell()
}

func (s *Stream) tell() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// take makes pieces of the tokens of a round, one of each sample. It returns how
// many of them count: a sample that has ended waits for the others of its text.
func (s *Stream) take(tokens []pplm.Token) (count int) {
	var pieces []Piece
	for i := range tokens {
		x := s.samples[tokens[i].Sample]
		if x.finish != "" {
			continue
		}
		count++
		if p, ok := x.add(&tokens[i]); ok {
			pieces = append(pieces, p)
		}
	}
	if len(tokens) > 0 {
		s.left.Add(-1)
		s.count.Add(int64(count))
	}
	if len(pieces) > 0 {
		s.put(pieces...)
	}
	return count
}

// ended tells whether all samples have.
func (s *Stream) ended() bool {
	return !slices.ContainsFunc(s.samples, func(x *sample) bool { return x.finish == "" })
}
