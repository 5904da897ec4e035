package engine

import (
	"context"
	"slices"

	"github.com/tiller-ml/tiller/pplm"
)

const (
	// weighBatch is how many words of several tokens are weighed in a turn; package
	// pplm reads as many together.
	weighBatch = 64

	// mostBags is how many of the bags that came with requests are kept weighed.
	mostBags = 64
)

// weighing is a bag of which the first words have been weighed.
type weighing struct {
	id    string
	bag   *pplm.Bag
	words int // weighed
}

func (w *weighing) done() bool { return w.words == len(w.bag.Words) }

// step weighs a batch of words more.
func (w *weighing) step(ctx context.Context, lm pplm.LM, begin int32) error {
	to, long := w.words, 0
	for ; to < len(w.bag.Words); to++ {
		if len(w.bag.Words[to].Tokens) == 1 {
			continue
		}
		if long == weighBatch {
			break
		}
		long++
	}
	part := &pplm.Bag{Name: w.bag.Name, Words: w.bag.Words[w.words:to]}
	weighed, err := part.Weighed(ctx, lm, begin)
	if err != nil {
		return err
	}
	copy(w.bag.Words[w.words:], weighed.Words)
	w.words = to
	return nil
}

// bags keeps weighed bags by their ids.
type bags struct {
	known map[string]*weighing
	idle  []*weighing // the server's own, to be weighed when nothing else is to do
	order []string    // of the bags that came with requests, that used last at the end
}

// newBags takes the server's own bags, which are never forgotten.
func newBags(own []Attribute) bags {
	b := bags{known: map[string]*weighing{}}
	for i := range own {
		w := newWeighing(&own[i])
		b.known[w.id] = w
		b.idle = append(b.idle, w)
	}
	return b
}

func newWeighing(a *Attribute) *weighing {
	return &weighing{id: a.ID, bag: &pplm.Bag{Name: a.Bag.Name, Words: slices.Clone(a.Bag.Words)}}
}

// find is an attribute's bag, weighed as far as it is.
func (b *bags) find(a *Attribute) *weighing {
	w, ok := b.known[a.ID]
	if !ok {
		w = newWeighing(a)
		b.known[a.ID] = w
		b.order = append(b.order, a.ID)
		if len(b.order) > mostBags {
			delete(b.known, b.order[0])
			b.order = slices.Delete(b.order, 0, 1)
		}
		return w
	}
	if i := slices.Index(b.order, a.ID); i >= 0 {
		b.order = append(slices.Delete(b.order, i, i+1), a.ID)
	}
	return w
}

// spare is a bag that there is time to weigh, nil where all are.
func (b *bags) spare() *weighing {
	for len(b.idle) > 0 && b.idle[0].done() {
		b.idle = b.idle[1:]
	}
	if len(b.idle) == 0 {
		return nil
	}
	return b.idle[0]
}
