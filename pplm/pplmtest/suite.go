package pplmtest

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/tensor"
)

// suite runs the cases on the backends that start returns, one for each case.
type suite struct {
	start func() (backend.Backend, error)
}

// Golden holds a language model and its steering on a backend against the
// reference's numbers, all that golden's folder has. Each case opens a backend of
// its own and closes it, and leaves no memory behind.
func Golden(t *testing.T, open func() (backend.Backend, error)) {
	t.Run("GPT2", func(t *testing.T) { GPT2(t, open) })
	t.Run("Steering", func(t *testing.T) { Steering(t, open) })
}

// GPT2 is the part of Golden that is the language model's: forward passes over
// tokens and over distributions, and gradients by parameters and by the past.
func GPT2(t *testing.T, open func() (backend.Backend, error)) {
	s := suite{open}
	t.Run("Forward", s.forward)
	t.Run("Soft", s.soft)
	t.Run("PastGradient", s.pastGradient)
}

// Steering is the part of Golden that is not GPT2.
func Steering(t *testing.T, open func() (backend.Backend, error)) {
	s := suite{open}
	for _, part := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"Kinds", s.kinds},
		{"Perturb", s.perturb},
		{"PerturbGradient", s.perturbGradient},
		{"Generate", s.generate},
		{"Command", s.command},
	} {
		t.Run(part.name, part.run)
	}
}

func (s suite) kinds(t *testing.T) {
	kinds := []string{"gpt2_forward", "perturb_past_", "generate_", "e2e_cli_", // here; elsewhere:
		"bags", "model", "tokenizer", "discrim_heads", "discrim_train"}
	for _, name := range golden.Names(t, "pplm") {
		claimed := slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasPrefix(name, kind) })
		assert.True(t, claimed, "no test runs the case %s", name)
	}
}

// openModel opens a model on a backend of its own, until the test ends, when it
// must have left nothing behind.
func (s suite) openModel(t *testing.T, dtype tensor.DType, dir string) *gpt2.Model {
	b := golden.Backend(t, s.start)
	m, err := gpt2.Open(b, dtype, dir)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, m.Free())
		if counted, ok := b.(interface{ LiveBytes() int64 }); ok {
			assert.Zero(t, counted.LiveBytes(), "bytes left behind")
		}
	})
	return m
}

// bothTypes runs f with a case's model in float64 and in float32; the tolerance is
// the type's, of losses, norms and what is perturbed.
func (s suite) bothTypes(t *testing.T, c *golden.Case, model string, f func(t *testing.T, m *gpt2.Model, name string, tolerance float64)) {
	for name, d := range map[string]tensor.DType{"f64": tensor.Float64, "f32": tensor.Float32} {
		t.Run(name, func(t *testing.T) {
			tolerance := 1e-10
			if d == tensor.Float32 {
				tolerance = 2e-5
			}
			c := *c
			c.DType = d
			f(t, s.openModel(t, d, filepath.Join(c.Dir, model)), name, tolerance)
		})
	}
}
