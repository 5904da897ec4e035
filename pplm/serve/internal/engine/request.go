package engine

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/head"
)

// Request is what to write.
type Request struct {
	Prompt     []int32
	Length     int // tokens of each sample, 1 or more
	Samples    int
	Seed       uint64
	Attributes []Attribute
	Settings   pplm.Settings
	Stop       []string // texts that end a sample, which are left out of it
}

// Attribute is what a text is steered towards, or judged by where nothing steers.
type Attribute struct {
	ID     string    // equal ids are the same bag or head
	Bag    *pplm.Bag // as its words were encoded, not weighed; or
	Head   *head.Head
	Class  int     // of Head
	Weight float64 // negative: away from it
}

// horizon is how many steps discriminators look ahead.
const horizon = 1

// attribute is a with its sign and weight, the bag in its place weighed.
func (a *Attribute) attribute(weighed *pplm.Bag) pplm.Attribute {
	var out pplm.Attribute = weighed
	if a.Head != nil {
		out = &pplm.Discriminator{Head: a.Head, Class: a.Class, Horizon: horizon}
	}
	w := a.Weight
	if w < 0 {
		out, w = pplm.Not(out), -w
	}
	if w != 1 {
		out = pplm.Weight(w, out)
	}
	return out
}

// Positions is how many positions of the model a request takes: its last token is
// read only to be judged, and discriminators look further.
func (r *Request) Positions() int {
	n := len(r.Prompt) + r.Length - 1
	for i := range r.Attributes {
		if r.Attributes[i].Head != nil {
			return n + horizon
		}
	}
	return n
}

// steering are the settings that a group's texts have in common.
func (r *Request) steering() pplm.Settings {
	s := r.Settings
	if len(r.Attributes) == 0 {
		s = pplm.Default()
		s.Iterations = 0
	}
	s.Sample, s.Temperature, s.TopK, s.TopP, s.Repetition = true, 1, 0, 0, 1
	return s
}

// key is the same for requests that advance together.
func (r *Request) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%+v", r.steering())
	for i := range r.Attributes {
		a := &r.Attributes[i]
		fmt.Fprintf(&b, "\n%q %d %v", a.ID, a.Class, a.Weight)
	}
	return b.String()
}

// steered tells whether the text is moved, and not only judged.
func (r *Request) steered() bool { return len(r.Attributes) > 0 && r.Settings.Iterations > 0 }

// FullError says that no more requests can wait.
type FullError struct {
	After time.Duration // when a place is likely to be free
}

func (e *FullError) Error() string {
	return fmt.Sprintf("the queue is full: try again in %v", e.After)
}

// InvalidError is what is wrong with a request.
type InvalidError struct{ err error }

func (e *InvalidError) Error() string { return e.err.Error() }
func (e *InvalidError) Unwrap() error { return e.err }

// ErrClosed says that the engine takes no requests any more, or has ended one.
var ErrClosed = errors.New("the server is shutting down")
