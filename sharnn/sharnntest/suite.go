package sharnntest

import (
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/golden"
)

// suite runs the cases on the backends that start returns, one for each case.
type suite struct {
	start func() (backend.Backend, error)
}

func (s suite) open(t *testing.T) backend.Backend { return golden.Backend(t, s.start) }

// Golden holds a model and its training on a backend against the reference's numbers, all that
// golden's folder has. Each case opens a backend of its own and closes it.
func Golden(t *testing.T, open func() (backend.Backend, error)) {
	s := suite{open}
	for _, part := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"Kinds", s.kinds},
		{"Model", s.model},
		{"Training", s.training},
		{"Boom", s.boom},
		{"Overparam", s.overparam},
		{"Attention", s.attention},
		{"Block", s.block},
		{"Collapse", s.collapse},
		{"Init", s.initial},
	} {
		t.Run(part.name, part.run)
	}
}
