package cpu

import (
	"math"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.LinearCrossEntropyer = (*Backend)(nil)

// The logits are computed a tile at a time, 4 MB of float32 at most. A tile has
// as many rows as there are, up to tileHeight, so that a product is worth the
// packing of its weights, and these are read once.
const (
	tileLogits = 1 << 20
	tileHeight = 2048
)

// decoder are the operands of a linear cross-entropy and room for a tile.
type decoder[T float] struct {
	b             *Backend
	v             *vector[T]
	x             matrix[T]  // (N, H)
	w             weights[T] // (V, H)
	bias          []T
	target        []int32
	symbols       int // V
	height, width int // of a tile
	room          []T
}

// tile are the logits of some rows and symbols, without the bias.
type tile[T float] struct {
	row, col int // of the first
	logits   matrix[T]
	x        matrix[T]
	w        weights[T]
	bias     []T
}

func newDecoder[T float](op string, b *Backend, x, w, bias, targets *tensor.Tensor) *decoder[T] {
	d := &decoder[T]{b: b, v: vectors[T](), symbols: w.Shape[0]}
	d.x = dense(slice[T](x), x.Shape[0], x.Shape[1])
	d.w = weightsOf[T](op, w)
	d.bias = slice[T](bias)[:d.symbols]
	d.target = checkTargets(op, d.symbols, x, targets)
	d.height = max(1, min(d.x.rows, tileHeight))
	across := max(1, (d.symbols*d.height+tileLogits-1)/tileLogits)
	d.width = ((d.symbols+across-1)/across + 15) &^ 15
	d.room = scratch[T](b, min(d.height, d.x.rows)*min(d.width, d.symbols))
	return d
}

// eachTile computes the logits and visits them. The order depends on the shapes
// alone. Without rows there is an empty tile for each group of symbols.
func (d *decoder[T]) eachTile(visit func(t tile[T])) {
	for col := 0; col < d.symbols; col += d.width {
		for row := 0; row == 0 || row < d.x.rows; row += d.height {
			height, width := min(d.height, d.x.rows-row), min(d.width, d.symbols-col)
			t := tile[T]{
				row: row, col: col, logits: dense(d.room, height, width),
				x: d.x.band(row, row+height), w: d.w.band(col, col+width), bias: d.bias[col : col+width],
			}
			mulWeights(d.b, d.b.pool, t.logits, t.x, t.w.transpose(), false)
			visit(t)
		}
	}
}

// LinearCrossEntropy writes -log softmax(x w^T + bias)[target] and the logarithm
// of the sum of exponentials for each row. A target that is no row of w panics.
func (b *Backend) LinearCrossEntropy(loss, lse, x, w, bias, targets *tensor.Tensor) {
	if isFloat32("LinearCrossEntropy", x) {
		linearCrossEntropy[float32](b, loss, lse, x, w, bias, targets)
	} else {
		linearCrossEntropy[float64](b, loss, lse, x, w, bias, targets)
	}
}

// linearCrossEntropy keeps for each row its largest logit so far and the sum of
// exponentials relative to that.
func linearCrossEntropy[T float](b *Backend, loss, lse, x, w, bias, targets *tensor.Tensor) {
	d := newDecoder[T]("LinearCrossEntropy", b, x, w, bias, targets)
	defer release(b, d.room)
	n, losses, lses := d.x.rows, slice[T](loss), slice[T](lse)
	tops, sums := scratch[T](b, n), scratch[float64](b, n)
	defer release(b, tops)
	defer release(b, sums)
	fill(tops, T(math.Inf(-1)))
	clear(sums)
	d.eachTile(func(t tile[T]) {
		b.pool.For(t.logits.rows, max(1, rowGrain/t.logits.cols), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				r, z := t.row+i, t.logits.row(i)
				d.v.add(z, z, t.bias)
				if k := int(d.target[r]) - t.col; k >= 0 && k < len(z) {
					losses[r] = z[k]
				}
				tops[r], sums[r] = d.more(z, tops[r], sums[r])
			}
		})
	})
	for i := range n {
		lses[i] = T(float64(tops[i]) + math.Log(sums[i]))
		losses[i] = lses[i] - losses[i]
	}
}

// more adds a row's further logits to its sum, and overwrites them.
func (d *decoder[T]) more(z []T, top T, sum float64) (T, float64) {
	high := max(top, d.v.max(z))
	if math.IsInf(float64(high), -1) {
		return top, sum
	}
	sum *= math.Exp(float64(top) - float64(high))
	return high, sum + float64(d.v.expSum(z, z, high))
}

// LinearCrossEntropyGrad writes those of dx, dw and db that are not nil.
func (b *Backend) LinearCrossEntropyGrad(dx, dw, db, x, w, bias, lse, targets, dloss *tensor.Tensor) {
	if isFloat32("LinearCrossEntropyGrad", x) {
		linearCrossEntropyGrad[float32](b, dx, dw, db, x, w, bias, lse, targets, dloss)
	} else {
		linearCrossEntropyGrad[float64](b, dx, dw, db, x, w, bias, lse, targets, dloss)
	}
}

func linearCrossEntropyGrad[T float](b *Backend, dx, dw, db, x, w, bias, lse, targets, dloss *tensor.Tensor) {
	d := newDecoder[T]("LinearCrossEntropyGrad", b, x, w, bias, targets)
	defer release(b, d.room)
	lses, scales := slice[T](lse), slice[T](dloss)
	var sums []T // for db, of each block of rows
	if db != nil {
		sums = scratch[T](b, (d.height+normBlock-1)/normBlock*d.width)
		defer release(b, sums)
	}
	d.eachTile(func(t tile[T]) {
		blocks := (t.logits.rows + normBlock - 1) / normBlock
		b.pool.Do(blocks, func(block int) { d.gradients(t, block, sums, lses, scales) })
		if dx != nil && t.x.rows > 0 {
			to := dense(slice[T](dx), d.x.rows, d.x.cols)
			mulWeights(b, b.pool, to.band(t.row, t.row+t.x.rows), t.logits, t.w, t.col > 0)
		}
		if dw != nil {
			to := dense(slice[T](dw), d.symbols, d.x.cols)
			mul(b, to.band(t.col, t.col+t.logits.cols), t.logits.transpose(), t.x, t.row > 0)
		}
		if db != nil {
			to := slice[T](db)[t.col : t.col+t.logits.cols]
			if t.row == 0 {
				clear(to)
			}
			for block := range blocks {
				d.v.add(to, to, sums[block*d.width:][:len(to)])
			}
		}
	})
}

// gradients turns the logits of a block of rows into their gradients, and adds
// the rows up in the block's row of sums, unless that is nil.
func (d *decoder[T]) gradients(t tile[T], block int, sums, lses, scales []T) {
	var sum []T
	if sums != nil {
		sum = sums[block*d.width:][:t.logits.cols]
		clear(sum)
	}
	for i := block * normBlock; i < min(t.logits.rows, (block+1)*normBlock); i++ {
		r, z := t.row+i, t.logits.row(i)
		d.v.add(z, z, t.bias)
		d.v.expSum(z, z, lses[r])
		d.v.affine(z, z, scales[r], 0)
		if k := int(d.target[r]) - t.col; k >= 0 && k < len(z) {
			z[k] -= scales[r]
		}
		if sum != nil {
			d.v.add(sum, sum, z)
		}
	}
}
