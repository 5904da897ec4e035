package quant

import (
	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

// thinRows is the number of rows of a product up to which weights are widened
// in registers, once for each tile.
const thinRows = 32

// bandLen is the number of weights that are widened at a time for the products
// of many rows.
const bandLen = 1 << 19

// band is the number of rows of weights in a band.
func (w Matrix) band() int { return max(16, bandLen/w.Cols/16*16) }

// widenRows returns rows lo to hi in scratch memory.
func (w Matrix) widenRows(p *pool.Pool, s *scratch, lo, hi int) gemm.Matrix {
	k := w.Cols
	data := s.take((hi - lo) * k)
	p.For(hi-lo, max(1, grain/k), func(from, to int) {
		for i := from; i < to; i++ {
			w.widen(active, data[i*k:(i+1)*k], lo+i)
		}
	})
	return gemm.RowMajor(data, hi-lo, k)
}

// mulTWide is MulT for many rows: a band of weights is a band of columns of c.
func mulTWide(p *pool.Pool, c, a gemm.Matrix, w Matrix, accumulate bool) {
	s := scratches.GetOrNew()
	defer scratches.Put(s)
	band := w.band()
	for lo := 0; lo < w.Rows; lo += band {
		hi := min(lo+band, w.Rows)
		to := c
		to.Data, to.Cols = c.Data[lo*c.ColStride:], hi-lo
		gemm.Mul(p, to, a, w.widenRows(p, s, lo, hi).T(), 1, beta(accumulate))
	}
}

// mulWide is Mul for many rows: each band of weights adds to all of c.
func mulWide(p *pool.Pool, c, a gemm.Matrix, w Matrix, accumulate bool) {
	s := scratches.GetOrNew()
	defer scratches.Put(s)
	band := w.band()
	for lo := 0; lo < w.Rows; lo += band {
		hi := min(lo+band, w.Rows)
		from := a
		from.Data, from.Cols = a.Data[lo*a.ColStride:], hi-lo
		gemm.Mul(p, c, from, w.widenRows(p, s, lo, hi), 1, beta(accumulate || lo > 0))
	}
}

func beta(accumulate bool) float32 {
	if accumulate {
		return 1
	}
	return 0
}
