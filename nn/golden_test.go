package nn_test

import (
	"testing"

	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn/nntest"
)

func TestGolden(t *testing.T) {
	nntest.Golden(t, func() (backend.Backend, error) { return backend.Open("cpu", backend.Config{}) })
}
