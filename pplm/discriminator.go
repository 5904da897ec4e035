package pplm

import (
	"fmt"
	"strings"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm/head"
)

// Discriminator is a class of a linear classifier of the mean hidden state (the
// paper's section 3.3): p(a|x) is the class's probability.
type Discriminator struct {
	Head    *head.Head
	Class   int
	Horizon int // steps of look-ahead, 1 or more: without one there is nothing to steer by
}

// Check tells what is wrong with a discriminator for a language model.
func (d *Discriminator) Check(info Info) error {
	switch {
	case d.Class < 0 || d.Class >= len(d.Head.Classes):
		return fmt.Errorf("discriminator: no class %d: there are %s", d.Class, listClasses(d.Head.Classes))
	case d.Horizon < 1:
		return fmt.Errorf("discriminator: a look-ahead of %d steps: want 1 or more", d.Horizon)
	}
	if err := d.Head.Check(info.Name, info.Hash, info.Width); err != nil {
		return fmt.Errorf("discriminator: %w", err)
	}
	return nil
}

func listClasses(classes []string) string {
	list := make([]string, len(classes))
	for i, c := range classes {
		list[i] = fmt.Sprintf("%d (%s)", i, c)
	}
	return strings.Join(list, ", ")
}

// OfText is true: a discriminator judges all that has been read.
func (d *Discriminator) OfText() bool { return true }

// LookAhead is the horizon.
func (d *Discriminator) LookAhead() int { return d.Horizon }

// Loss is the cross-entropy of the class.
func (d *Discriminator) Loss(c *Context) *autograd.Var {
	classes, batch := len(d.Head.Classes), c.Probs.Value.Dim(0)
	weight := c.Constant(d.Head.Weight, classes, d.Head.Width)
	bias := c.Constant(d.Head.Bias, classes)
	wanted := make([]int32, batch)
	for i := range wanted {
		wanted[i] = int32(d.Class)
	}
	logits := autograd.Linear(c.Mean(d.Horizon), weight, bias) // (B, C)
	return autograd.CrossEntropy(logits, c.Tape.Own(backend.FromSlice(c.Tape.Backend, wanted, batch)))
}
