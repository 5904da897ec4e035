//go:build cgo && linux

package cublas

import (
	"math"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.Dropper = (*Backend)(nil)

var dropouts = floatKernels("dropout", "dropout")

// Dropout multiplies x by the site's multipliers, which are never stored.
func (b *Backend) Dropout(dst, x *tensor.Tensor, d backend.Dropout) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := dropouts.of("Dropout", x)
	n := x.Len()
	if n == 0 {
		return
	}
	l := b.begin(k, b.spread((n+3)/4), threads, 0)
	b.run(k, l.Ptr(b.at(dst)).Ptr(b.at(x)).Int(n).Words(b.dropoutWords(d)...))
}

// dropoutWords are the words of the kernels' struct dropout. Rounded to float32
// the scale is what a division in float32 gives, since float64 has more than
// twice its digits.
func (b *Backend) dropoutWords(d backend.Dropout) []uint64 {
	if !d.On() {
		return []uint64{0, 0, math.Float64bits(1), math.Float64bits(1), 0}
	}
	keep := float64(float32(1 - d.P))
	return []uint64{
		d.Key.Seed, uint64(d.Key.Step)<<32 | uint64(d.Key.Site),
		math.Float64bits(keep), math.Float64bits(1 / keep), uint64(b.pointer(d.Mask)),
	}
}
