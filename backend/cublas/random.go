//go:build cgo && linux

package cublas

import (
	"runtime"
	"sync"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

var uniforms, masks = floatKernels("random", "uniform"), floatKernels("random", "mask")

// Random fills dst (contiguous) from the stream of key. The device makes uniform
// numbers and masks, which are the same everywhere. Normal numbers come from the
// processor: logarithms and cosines are not the same on all machines, and only
// parameters are drawn so, once.
func (b *Backend) Random(dst *tensor.Tensor, d backend.Dist, key tensor.Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := dst.Len()
	k := uniforms.of("Random", dst)
	if n == 0 {
		return
	}
	first, second := d.A, d.B-d.A
	switch d.Kind {
	case backend.Normal:
		if dst.DType == tensor.Float64 {
			sendNormals[float64](b, b.at(dst), n, d, key)
		} else {
			sendNormals[float32](b, b.at(dst), n, d, key)
		}
		return
	case backend.Mask:
		k = masks.of("Random", dst)
		first = float64(float32(1 - d.A))
		second = 1 / first // as dropoutWords has it
	}
	l := b.begin(k, b.spread((n+3)/4), threads, 0).Ptr(b.at(dst)).Int(n)
	b.run(k, l.Words(key.Seed).Words(uint64(key.Step)<<32|uint64(key.Site)).Double(first).Double(second))
}

// normalsAtOnce are made, and sent, before the next.
const normalsAtOnce = 128 << 10

// sendNormals writes n numbers A + B*z to at, z the stream's normal numbers.
func sendNormals[T float32 | float64](b *Backend, at cuda.Ptr, n int, d backend.Dist, key tensor.Key) {
	part := make([]T, min(n, normalsAtOnce))
	for lo := 0; lo < n && b.fault == nil; lo += normalsAtOnce {
		some := part[:min(normalsAtOnce, n-lo)]
		fillNormals(some, d, key, uint64(lo))
		bytes := tensor.Bytes(some)
		b.send(at, bytes)
		at += cuda.Ptr(len(bytes))
	}
}

// fillNormals is shared out to all processors. Numbers count from first on.
func fillNormals[T float32 | float64](dst []T, d backend.Dist, key tensor.Key, first uint64) {
	const share = 4 << 10
	var all sync.WaitGroup
	size := max(share, (len(dst)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	for lo := 0; lo < len(dst); lo += size {
		all.Go(func() {
			for i := lo; i < min(lo+size, len(dst)); i++ {
				dst[i] = T(d.A + float64(d.B*key.Normal(first+uint64(i))))
			}
		})
	}
	all.Wait()
}
