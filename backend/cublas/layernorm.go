//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.LayerNormer = (*Backend)(nil)

var (
	layerNorms     = newRowKernels("layer_norm")
	layerNormGrads = floatKernels("columns", "layer_norm_grad")
)

// LayerNorm: y = (x-mean)*rstd*w + bias with rstd = 1/sqrt(var+eps).
func (b *Backend) LayerNorm(y, mean, rstd, x, w, bias *tensor.Tensor, eps float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := layerNorms.of("LayerNorm", x)
	n, width := lines(x)
	if n == 0 {
		return
	}
	l := b.beginRows(k, n, width)
	b.run(k, l.Words(uint64(b.at(y)), uint64(b.at(mean)), uint64(b.at(rstd)), uint64(b.at(x)), uint64(b.at(w)), uint64(b.at(bias)),
		uint64(n), uint64(width)).Double(eps))
}

const (
	normRows    = 32  // of x in a part of the sums of dw and db
	normThreads = 512 // most of a block: NORM_THREADS
	normKept    = 8   // elements of a row that a thread keeps: NORM_KEPT
)

// LayerNormGrad writes those of dx, dw and db that are not nil.
func (b *Backend) LayerNormGrad(dx, dw, db, x, w, mean, rstd, dy *tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, width := lines(x)
	rows := 1
	if dw != nil || db != nil {
		rows = normRows
	}
	parts := (n + rows - 1) / rows
	toW, mem := b.partsOf(dw, parts)
	defer b.release(mem)
	toB, mem := b.partsOf(db, parts)
	defer b.release(mem)
	if n > 0 {
		k := layerNormGrads.of("LayerNormGrad", x)
		warps := (width + 32*normKept - 1) / (32 * normKept)
		l := b.begin(k, parts, min(32*warps, normThreads), 0)
		b.run(k, l.Words(uint64(b.pointer(dx)), uint64(b.pointer(toW)), uint64(b.pointer(toB)),
			uint64(b.at(x)), uint64(b.at(w)), uint64(b.at(mean)), uint64(b.at(rstd)), uint64(b.at(dy)),
			uint64(n), uint64(width), uint64(rows)))
	}
	b.sumParts(dw, toW)
	b.sumParts(db, toB)
}

// partsOf is room for so many sums of rows, which sumParts adds up: dst itself
// where there is one, and nil where dst is.
func (b *Backend) partsOf(dst *tensor.Tensor, parts int) (*tensor.Tensor, scratch) {
	if dst == nil || parts == 1 {
		return dst, scratch{}
	}
	mem := b.scratch(dst.DType.Bytes(parts * dst.Len()))
	return b.view(mem, dst.DType, parts, dst.Len()), mem
}

func (b *Backend) sumParts(dst, parts *tensor.Tensor) {
	if dst != parts {
		b.columnSum(dst, parts, false)
	}
}
