package attributes

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm/books"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/internal/models"
)

// headFiles says which names LoadHead knows.
func headFiles() string {
	return "a head's file, ours or the reference's .pt, with or without its ending, or one that belongs to the embedded model: " + strings.Join(books.Heads(), ", ")
}

// HeadFlag adds -head, a name for [LoadHead].
func HeadFlag(g *command.Group, name *string) {
	g.Add(name, "head", "the `name` of a trained head: "+headFiles())
}

// LoadHead reads a head by its file's name, with or without its ending, or where
// there is no such file by the name of one of [books.Heads].
func LoadHead(name string) (*head.Head, error) {
	h, err := head.Load(name)
	var none *head.NotFoundError
	if !errors.As(err, &none) {
		return h, err
	}
	if !slices.Contains(books.Heads(), name) {
		return nil, fmt.Errorf("%w; and the embedded ones are %s", err, strings.Join(books.Heads(), ", "))
	}
	if h, err = books.Head(name); err != nil {
		return nil, fmt.Errorf("reading the embedded head %s: %w", name, err)
	}
	return h, nil
}

// Head reads a head as [LoadHead] does, and finds a class of it: see
// [head.Head.Class].
func Head(name, label string) (h *head.Head, class int, err error) {
	if h, err = LoadHead(name); err != nil {
		return nil, 0, err
	}
	if class, err = h.Class(label); err != nil {
		return nil, 0, fmt.Errorf("the head %s: %w", name, err)
	}
	return h, class, nil
}

// Fits tells whether the head called name reads the hidden states of m.
func Fits(h *head.Head, name string, m *models.Model) error {
	info := m.Info()
	if err := h.Check(info.Name, info.Hash, info.Width); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Warn tells log where nothing but its width says that the head, asked for as spec,
// belongs to m, which it fits: see [head.Head.Doubt].
func Warn(log io.Writer, h *head.Head, spec string, m *models.Model) {
	if doubt := h.Doubt(m.Info().Name); doubt != "" {
		fmt.Fprintf(log, "warning: %s: %s\n", spec, doubt)
	}
}
