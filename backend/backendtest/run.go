package backendtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
)

// suite runs the cases on one backend.
type suite struct {
	b backend.Backend
}

// Run tests the backend that open starts against the contract. Each part opens
// a backend of its own and closes it.
func Run(t *testing.T, open func() (backend.Backend, error)) {
	parts := []struct {
		name string
		run  func(s *suite, t *testing.T)
	}{
		{"Memory", (*suite).memory},
		{"Map", (*suite).maps},
		{"ReadWrite", (*suite).readWrite},
		{"Copy", (*suite).copies},
		{"Fill", (*suite).fills},
		{"Unary", (*suite).unary},
		{"Binary", (*suite).binary},
		{"Select", (*suite).selects},
		{"Reduce", (*suite).reduce},
		{"MatMul", (*suite).matMul},
		{"Gather", (*suite).gather},
		{"ScatterAdd", (*suite).scatterAdd},
		{"Random", (*suite).random},
		{"Stored", (*suite).stored},
		{"Prepare", (*suite).prepare},
		{"Softmax", (*suite).softmax},
		{"LayerNorm", (*suite).layerNorm},
		{"CrossEntropy", (*suite).crossEntropy},
		{"LinearCrossEntropy", (*suite).linearCrossEntropy},
		{"Dropout", (*suite).dropout},
		{"LSTM", (*suite).lstm},
		{"Attention", (*suite).attention},
		{"Boom", (*suite).boom},
		{"Adam", (*suite).adam},
		{"SumSquares", (*suite).sumSquares},
		{"Descend", (*suite).descend},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			b, err := open()
			require.NoError(t, err)
			defer func() { require.NoError(t, b.Close()) }() // of skipped parts too
			part.run(&suite{b}, t)
			require.NoError(t, b.Sync())
		})
	}
}
