package nntest

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

// Golden holds layers on a backend against the reference's numbers, all that
// golden's folder has. Each case opens a backend of its own and closes it.
func Golden(t *testing.T, open func() (backend.Backend, error)) {
	s := suite{open}
	for _, part := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"GELU", s.gelu},
		{"LayerNorm", s.layerNorm},
		{"LSTM", s.lstm},
		{"SplitCrossEntropy", s.splitCrossEntropy},
	} {
		t.Run(part.name, part.run)
	}
}
