package sharnn_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/sharnn/sharnntest"
)

func openCPU(t *testing.T) backend.Backend {
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	return b
}

func TestGolden(t *testing.T) {
	sharnntest.Golden(t, func() (backend.Backend, error) { return backend.Open("cpu", backend.Config{}) })
}
