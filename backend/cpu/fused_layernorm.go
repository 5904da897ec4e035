package cpu

import (
	"math"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.LayerNormer = (*Backend)(nil)

// LayerNorm: y = (x-mean)*rstd*w + b with rstd = 1/sqrt(var+eps).
func (b *Backend) LayerNorm(y, mean, rstd, x, w, bias *tensor.Tensor, eps float64) {
	if isFloat32("LayerNorm", x) {
		layerNorm[float32](b, y, mean, rstd, x, w, bias, eps)
	} else {
		layerNorm[float64](b, y, mean, rstd, x, w, bias, eps)
	}
}

func layerNorm[T float](b *Backend, y, mean, rstd, x, w, bias *tensor.Tensor, eps float64) {
	v := vectors[T]()
	n, width := rowsOf(x)
	ys, means, rstds := slice[T](y), slice[T](mean), slice[T](rstd)
	xs, ws, bs := slice[T](x), slice[T](w)[:width], slice[T](bias)[:width]
	b.pool.For(n, max(1, rowGrain/max(width, 1)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			x := xs[i*width : (i+1)*width]
			m, variance := v.moments(x)
			means[i], rstds[i] = m, T(1/math.Sqrt(float64(variance)+eps))
			v.layerNorm(ys[i*width:(i+1)*width], x, ws, bs, m, rstds[i])
		}
	})
}

// normBlock is how many rows are summed into one part of dw and db. The parts
// depend on the shape alone, and so does the order of all additions.
const normBlock = 64

// LayerNormGrad writes those of dx, dw and db that are not nil.
func (b *Backend) LayerNormGrad(dx, dw, db, x, w, mean, rstd, dy *tensor.Tensor) {
	if isFloat32("LayerNormGrad", x) {
		layerNormGrad[float32](b, dx, dw, db, x, w, mean, rstd, dy)
	} else {
		layerNormGrad[float64](b, dx, dw, db, x, w, mean, rstd, dy)
	}
}

func layerNormGrad[T float](b *Backend, dx, dw, db, x, w, mean, rstd, dy *tensor.Tensor) {
	v := vectors[T]()
	n, width := rowsOf(x)
	xs, dys, ws := slice[T](x), slice[T](dy), slice[T](w)[:width]
	means, rstds := slice[T](mean), slice[T](rstd)
	blocks := (n + normBlock - 1) / normBlock
	parts := scratch[T](b, 2*blocks*width)
	defer release(b, parts)
	b.pool.Do(blocks, func(block int) {
		var dxRow, dwPart, dbPart []T
		if dw != nil {
			dwPart = parts[2*block*width : (2*block+1)*width]
			clear(dwPart)
		}
		if db != nil {
			dbPart = parts[(2*block+1)*width : (2*block+2)*width]
			clear(dbPart)
		}
		for i := block * normBlock; i < min(n, (block+1)*normBlock); i++ {
			lo, hi := i*width, (i+1)*width
			if dx != nil {
				dxRow = slice[T](dx)[lo:hi]
			}
			v.layerNormGrad(dxRow, dwPart, dbPart, xs[lo:hi], ws, dys[lo:hi], means[i], rstds[i])
		}
	})
	sumParts(v, dw, parts, width, blocks, 0)
	sumParts(v, db, parts, width, blocks, 1)
}

// sumParts adds rows which, which+2, ... of parts into dst, unless it is nil.
func sumParts[T float](v *vector[T], dst *tensor.Tensor, parts []T, width, blocks, which int) {
	if dst == nil {
		return
	}
	d := slice[T](dst)[:dst.Len()]
	clear(d)
	for i := range blocks {
		row := 2*i + which
		v.add(d, d, parts[row*width:(row+1)*width])
	}
}
