//go:build cgo && linux

package cublas

import (
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// TestManyNormalNumbers draws more than are sent at a time.
func TestManyNormalNumbers(t *testing.T) {
	eachTwins(t, func(t *testing.T, w *twins, d tensor.DType, _ float64) {
		x, dist, key := w.out(d, 2*normalsAtOnce+77), backend.Dist{Kind: backend.Normal, A: 1, B: 2}, tensor.Key{Seed: 3}
		w.cpu.Random(x.cpu, dist, key)
		w.gpu.Random(x.gpu, dist, key)
		w.same("number", x, 0)
	})
}
