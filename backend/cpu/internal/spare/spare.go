// Package spare keeps working memory from one call for the next.
package spare

import "sync"

// A List holds what was put, for Get to hand out again, last in, first out. It
// never has more than were in use at a time. Unlike a sync.Pool it keeps them
// from the garbage collector and for every thread alike: a step of training in
// steady state finds all that the step before it used. The zero List is empty;
// any number of goroutines may use it.
type List[T any] struct {
	mu   sync.Mutex
	free []*T
}

// Get is what was put last, or nil.
func (l *List[T]) Get() *T {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.free) - 1
	if n < 0 {
		return nil
	}
	x := l.free[n]
	l.free[n] = nil
	l.free = l.free[:n]
	return x
}

// GetOrNew is Get, or a zero T.
func (l *List[T]) GetOrNew() *T {
	if x := l.Get(); x != nil {
		return x
	}
	return new(T)
}

// Put keeps x, which its caller must not use any more.
func (l *List[T]) Put(x *T) {
	l.mu.Lock()
	l.free = append(l.free, x)
	l.mu.Unlock()
}
