package attributes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/models"
)

// Wanted are the attributes that flags name.
type Wanted struct {
	Bags, Heads List
	Class       string // of heads that come without one
	Single      bool
}

// Flags adds -B, -D, -class_label and -single. several says what several
// attributes are to each other.
func (w *Wanted) Flags(g *command.Group, several string) {
	g.Add(&w.Bags, "B", "a bag of words, as `[!]bag[:weight]`: an id (a wrong one lists them) or a file of a word a line. ! steers away from it (quote it for the shell), and a weight of 0.5 lets it count half. Several stand in flags of their own or have ; between them, and "+several)
	g.Add(&w.Heads, "D", "a discriminator, as `[!]head[=class][:weight]`: "+headFiles()+". Several as for -B")
	g.Add(&w.Class, "class_label", "the `class` to steer towards, by name or number, where -D does not say it; none: the head's default")
	g.Add(&w.Single, "single", "drops a bag's words of several tokens, as the reference does, and names them")
}

// Complete ends the parsing of the flags, and checks them.
func (w *Wanted) Complete(f *command.Flags) error {
	w.Bags.settle(f.Given("config"))
	w.Heads.settle(f.Given("config"))
	if w.Class != "" && len(w.Heads.Names) == 0 {
		return errors.New("-class_label names a class of a head: name that with -D")
	}
	return nil
}

// Attribute is one to steer by.
type Attribute struct {
	pplm.Attribute // with the sign and the weight of Spec
	Spec           Spec
	Title          string
	Bag            *pplm.Bag           // nil where it is a discriminator
	Head           *pplm.Discriminator // nil where it is a bag
}

// Open opens the attributes, bags of words first. Discriminators look horizon
// steps ahead. Where take is not nil, it says which words of a bag steer. Words
// that are dropped, and heads that may belong to another model, are told to log.
func (w *Wanted) Open(ctx context.Context, m *models.Model, horizon int, take func(id string, words []string) ([]string, error), log io.Writer) ([]*Attribute, error) {
	var out []*Attribute
	for _, text := range w.Bags.Names {
		a, err := w.bag(ctx, m, text, take, log)
		if err != nil {
			return nil, fmt.Errorf("-B: %w", err)
		}
		out = append(out, a)
	}
	for _, text := range w.Heads.Names {
		a, err := w.head(m, text, horizon, log)
		if err != nil {
			return nil, fmt.Errorf("-D: %w", err)
		}
		out = append(out, a)
	}
	return out, nil
}

func (w *Wanted) bag(ctx context.Context, m *models.Model, text string, take func(string, []string) ([]string, error), log io.Writer) (*Attribute, error) {
	spec, err := Parse(text, false)
	if err != nil {
		return nil, err
	}
	id, words, err := Words(spec.Name)
	if err != nil {
		return nil, err
	}
	if take != nil {
		if words, err = take(id, words); err != nil {
			return nil, err
		}
	}
	bag, err := m.Bag(ctx, id, words)
	if err != nil {
		return nil, err
	}
	if w.Single {
		var dropped []string
		if bag, dropped, err = bag.Single(); err != nil {
			return nil, err
		}
		if len(dropped) > 0 {
			fmt.Fprintf(log, "bag of words %s: %d words are several tokens and are dropped: %s\n", id, len(dropped), strings.Join(dropped, ", "))
		}
	}
	return &Attribute{Attribute: spec.Apply(bag), Spec: spec, Title: spec.Title(id), Bag: bag}, nil
}

func (w *Wanted) head(m *models.Model, text string, horizon int, log io.Writer) (*Attribute, error) {
	spec, err := Parse(text, true)
	if err != nil {
		return nil, err
	}
	h, class, err := Head(spec.Name, cmp.Or(spec.Class, w.Class))
	if err != nil {
		return nil, err
	}
	if err := Fits(h, spec.Name, m); err != nil {
		return nil, err
	}
	Warn(log, h, "-D "+text, m)
	d := &pplm.Discriminator{Head: h, Class: class, Horizon: horizon}
	return &Attribute{Attribute: spec.Apply(d), Spec: spec, Title: spec.Title(Base(spec.Name) + "=" + h.Classes[class]), Head: d}, nil
}
