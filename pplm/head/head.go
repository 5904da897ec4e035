package head

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tiller-ml/tiller/tensor"
)

// Head is p(class|x) = softmax(Weight x + Bias) of a mean hidden state x.
type Head struct {
	Classes []string  // C, distinct
	Default int       // the class that is meant where none is named
	Width   int       // H
	Weight  []float64 // (C, H), row-major
	Bias    []float64 // (C)
	Model   string    // the language model's name
	Hash    string    // of its weights, in hexadecimal; empty where that is not known
}

// New is a head with initial values drawn from seed, all of them from
// U(-1/sqrt(H), 1/sqrt(H)), as torch.nn.Linear draws them. Fewer than two classes
// or a class that comes twice is an error.
func New(classes []string, width int, seed uint64) (*Head, error) {
	h := &Head{
		Classes: slices.Clone(classes), Width: width,
		Weight: make([]float64, len(classes)*max(width, 0)), Bias: make([]float64, len(classes)),
	}
	bound := 1 / math.Sqrt(float64(width))
	for site, part := range [][]float64{h.Weight, h.Bias} {
		key := tensor.Key{Seed: seed, Site: uint32(site)}
		for i := range part {
			part[i] = bound * (2*key.Uniform(uint64(i)) - 1)
		}
	}
	return h, h.validate()
}

func (h *Head) validate() error {
	c := len(h.Classes)
	switch {
	case c < 2:
		return fmt.Errorf("%d classes: want at least 2", c)
	case h.Width < 1:
		return fmt.Errorf("the width is %d: want at least 1", h.Width)
	case h.Default < 0 || h.Default >= c:
		return fmt.Errorf("the default class is %d of %d", h.Default, c)
	case len(h.Bias) != c || len(h.Weight) != c*h.Width:
		return fmt.Errorf("%d weights and %d biases do not make %d classes of width %d", len(h.Weight), len(h.Bias), c, h.Width)
	}
	seen := make(map[string]bool)
	for i, name := range h.Classes {
		if name == "" || seen[name] {
			return fmt.Errorf("class %d is called %q, which is empty or taken", i, name)
		}
		seen[name] = true
	}
	for _, x := range slices.Concat(h.Weight, h.Bias) {
		if x-x != 0 {
			return errors.New("a weight is not a finite number")
		}
	}
	return nil
}

// Check tells whether the head reads the hidden states of a language model. With a
// hash the hash decides, since a model's name is that of its folder, which anybody
// may rename. Without one, as in the reference's files, only the width is known to
// be wrong or right, and [Head.Doubt] says what is not.
func (h *Head) Check(model, hash string, width int) error {
	if h.Width != width {
		return fmt.Errorf("the head reads hidden states of width %d, of the language model %q; those of %q have width %d", h.Width, h.Model, model, width)
	}
	if h.Hash != "" && h.Hash != hash {
		return fmt.Errorf("the head was trained on the language model %q with the hash %.12s, and %q has the hash %.12s", h.Model, h.Hash, model, hash)
	}
	return nil
}

// Doubt is a warning, where the head has no hash and a language model that it fits
// has another name than the one it was trained on; else it is empty. Of names that
// are paths the last part counts.
func (h *Head) Doubt(model string) string {
	if h.Hash != "" || h.Model == "" || filepath.Base(h.Model) == filepath.Base(model) {
		return ""
	}
	return fmt.Sprintf("the head was trained on the language model %q and its file has no hash: nothing tells whether %q is the same", h.Model, model)
}

// Class finds a class by its name, in which a space may stand as _, or by its
// number; an empty label is the default. The error lists the classes.
func (h *Head) Class(label string) (int, error) {
	if label == "" {
		return h.Default, nil
	}
	plain := func(s string) string { return strings.ReplaceAll(s, "_", " ") }
	for i, name := range h.Classes {
		if plain(name) == plain(label) {
			return i, nil
		}
	}
	if i, err := strconv.Atoi(label); err == nil && i >= 0 && i < len(h.Classes) {
		return i, nil
	}
	var list []string
	for i, name := range h.Classes {
		list = append(list, fmt.Sprintf("%s (%d)", name, i))
	}
	return 0, fmt.Errorf("no class %q: there are %s", label, strings.Join(list, ", "))
}

// LogProbs are log p(class|x) of one mean hidden state, (H) to (C).
func (h *Head) LogProbs(x []float64) []float64 {
	if len(x) != h.Width {
		panic(&tensor.Error{Op: "head.LogProbs", Shapes: [][]int{{len(x)}}, Msg: fmt.Sprintf("want width %d", h.Width)})
	}
	logits, top := slices.Clone(h.Bias), math.Inf(-1)
	for c := range logits {
		for i, w := range h.Weight[c*h.Width : (c+1)*h.Width] {
			logits[c] += w * x[i]
		}
		top = max(top, logits[c])
	}
	sum := 0.0
	for _, v := range logits {
		sum += math.Exp(v - top)
	}
	for c := range logits {
		logits[c] -= top + math.Log(sum)
	}
	return logits
}
