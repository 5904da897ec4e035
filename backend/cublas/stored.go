//go:build cgo && linux

package cublas

import (
	"fmt"
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

// stored is a matrix of bfloat16 or Int8 as it lies: rows of length elements,
// stride bytes apart.
type stored struct {
	at           cuda.Ptr
	dtype        tensor.DType
	rows, length int
	stride       int
	dots         bool // the factor is the transpose: its columns are the rows here
}

// storedOf is t as it lies; false where neither its rows nor its columns are dense.
func storedOf(b *Backend, t *tensor.Tensor) (stored, bool) {
	if len(t.Shape) != 2 {
		return stored{}, false
	}
	w := stored{b.at(t), t.DType, t.Shape[0], t.Shape[1], t.DType.Bytes(t.Strides[0]), false}
	along := t.Strides[1]
	if along != 1 && t.Strides[0] == 1 {
		along = 1
		w.rows, w.length, w.stride, w.dots = t.Shape[1], t.Shape[0], t.DType.Bytes(t.Strides[1]), true
	}
	return w, along == 1 || w.length == 1
}

// readsStored tells whether a product by x reads it as it is stored, instead of
// giving it to cuBLAS.
func (b *Backend) readsStored(a, x *tensor.Tensor, few bool) bool {
	switch {
	case x.DType == tensor.Int8:
		return true
	case x.DType != tensor.BFloat16:
		return false
	case b.precision != backend.BF16:
		return true
	}
	_, ok := storedOf(b, x)
	return ok && few && a.DType == tensor.Float32
}

// storedMatMul is matMul by a stored matrix x.
func (b *Backend) storedMatMul(dst, a, x *tensor.Tensor, accumulate bool) {
	w, ok := storedOf(b, x)
	if !ok {
		tensor.Panicf("MatMul", []*tensor.Tensor{dst, a, x}, "the rows of %v are not dense, in strides %v", x.DType, x.Strides)
	}
	narrow := b.precision == backend.BF16 && rowsOf(dst, x) > fewRows
	c := matrixOf(b, dst)
	if narrow && !c.lines() || !narrow && dst.DType != tensor.Float32 {
		b.throughWork(dst, tensor.Float32, accumulate, func(work *tensor.Tensor) { b.storedMatMul(work, a, x, accumulate) })
		return
	}
	switch {
	case narrow:
		var mem scratch
		a, mem = b.narrowed(a)
		defer b.release(mem)
	case a.DType != tensor.Float32:
		var mem scratch
		a, mem = b.packed(a, tensor.Float32)
		defer b.release(mem)
	}
	p := product{c, matrixOf(b, a), matrix{dtype: x.DType}, batchOf(dst, a, x)}
	if narrow {
		b.multiplyWidened(p, w, max(1, panel/max(1, w.length)), accumulate)
		return
	}
	p.flatten()
	p.each(p.batch, func(q product) { b.multiplyStored(q.c, q.a, w, accumulate) })
}

// panel is how many elements of an Int8 matrix are bfloat16 at a time.
const panel = 8 << 20

// multiplyWidened gives p to cuBLAS with the weights w of Int8 as the second
// factor, so many of their rows at a time, which are widened to bfloat16.
func (b *Backend) multiplyWidened(p product, w stored, rows int, accumulate bool) {
	pitch := (w.length + 7) / 8 * 8
	rows = min(w.rows, rows)
	mem := b.scratch(2 * rows * pitch)
	defer b.release(mem)
	widen := kernel{file: "stored", name: "widen_i8"}
	for lo := 0; lo < w.rows; lo += rows {
		n := min(rows, w.rows-lo)
		l := b.begin(widen, b.spread(n*pitch/8), threads, 0)
		l.Ptr(mem.at).Int(pitch).Ptr(w.at + cuda.Ptr(lo*w.stride)).Int(w.stride).Int(n)
		b.run(widen, l)
		q := p
		q.batch = slices.Clone(p.batch)
		q.x = matrix{mem.at, tensor.BFloat16, n, w.length, pitch, 1}
		if w.dots {
			q.x = q.x.transpose()
			q.c = p.c.columns(lo, n)
		} else {
			q.a = p.a.columns(lo, n)
		}
		b.multiply(q, accumulate || lo > 0 && !w.dots)
	}
}

// Limits of the kernels for few rows: beyond the first they read the weights
// more than once, beyond the second tiles are quicker.
const (
	rowsAtOnce = 8
	rowsByRows = 4 * rowsAtOnce
)

// multiplyStored is c = a w or c += a w in float32.
func (b *Backend) multiplyStored(c, a matrix, w stored, accumulate bool) {
	const tile = 64
	switch {
	case c.rows > rowsByRows:
		k := w.kernel("tile_columns_"+w.format(), w.whole())
		if w.dots {
			k = w.kernel("tile_dots_"+w.format(), w.whole())
		}
		l := b.begin(k, (c.rows+tile-1)/tile*((c.cols+tile-1)/tile), tile, 0)
		l.Words(w.words(c, a, accumulate)...)
		b.run(k, l)
	case w.dots:
		b.multiplyDots(c, a, w, accumulate)
	default:
		b.multiplyColumns(c, a, w, accumulate)
	}
}

// rowGroup is how many rows a kernel for few rows takes at a time.
func rowGroup(rows int) int {
	switch {
	case rows == 1:
		return 1
	case rows <= 4:
		return 4
	}
	return rowsAtOnce
}

// The sizes that kernels/stored.cu has.
const (
	storedWarps = 8   // of a block
	storedPiece = 256 // elements that a warp reads of a stored row at a time
	storedDots  = 4   // stored rows that a warp reads at a time
	storedAhead = 32  // stored rows that a block reads ahead
)

// multiplyDots: columns of c are dot products with stored rows.
func (b *Backend) multiplyDots(c, a matrix, w stored, accumulate bool) {
	r := rowGroup(c.rows)
	split := 1 // warps that share the same stored rows, so that there is work for 2048
	for split < storedWarps && split*storedPiece < w.length && split*c.cols < 2048*storedDots {
		split *= 2
	}
	perBlock := storedWarps / split * storedDots
	k := w.kernel(fmt.Sprintf("dots_%s_%d", w.format(), r), w.whole() && a.whole())
	l := b.begin(k, 1, 32*storedWarps, 0).Grid((c.cols+perBlock-1)/perBlock, (c.rows+r-1)/r, 1)
	l.Words(w.words(c, a, accumulate)...).Int(split)
	b.run(k, l)
}

// multiplyColumns: rows of c are sums of stored rows. Slices of them are summed
// side by side, and then in their order.
func (b *Backend) multiplyColumns(c, a matrix, w stored, accumulate bool) {
	r := rowGroup(c.rows)
	across, down := (c.cols+storedPiece-1)/storedPiece, (c.rows+r-1)/r
	slice := (w.rows*across*down + 511) / 512 // for 512 blocks
	slice = (slice + storedAhead - 1) / storedAhead * storedAhead
	parts := (w.rows + slice - 1) / slice
	var mem scratch
	if parts > 1 {
		mem = b.scratch(4 * parts * c.rows * c.cols)
		defer b.release(mem)
	}
	words := w.words(c, a, accumulate)
	k := w.kernel(fmt.Sprintf("columns_%s_%d", w.format(), r), w.whole())
	l := b.begin(k, 1, 32*storedWarps, 0).Grid(across, parts, down)
	l.Words(words...).Ptr(mem.at).Int(slice)
	b.run(k, l)
	if parts > 1 {
		fold := kernel{file: "stored", name: "stored_fold"}
		l := b.begin(fold, (c.rows*c.cols+31)/32, 32*storedWarps, 0)
		l.Words(words...).Ptr(mem.at).Int(parts)
		b.run(fold, l)
	}
}

// words are the kernels' struct stored.
func (w stored) words(c, a matrix, accumulate bool) []uint64 {
	add := uint64(0)
	if accumulate {
		add = 1
	}
	return []uint64{
		uint64(c.at), uint64(c.rs), uint64(c.cs), uint64(a.at), uint64(a.rs), uint64(a.cs),
		uint64(w.at), uint64(w.stride), uint64(c.rows), uint64(c.cols), uint64(a.cols), add,
	}
}

func (w stored) format() string {
	if w.dtype == tensor.Int8 {
		return "i8"
	}
	return "bf16"
}

// kernel is the form of a kernel that loads 16 bytes at once where it may.
func (w stored) kernel(name string, whole bool) kernel {
	if whole {
		return kernel{file: "stored", name: name + "_whole"}
	}
	return kernel{file: "stored", name: name + "_any"}
}

// whole tells whether rows can be read by eight elements at a time.
func (w stored) whole() bool {
	return w.dtype == tensor.Int8 || w.length%8 == 0 && w.at%16 == 0 && (w.stride%16 == 0 || w.rows == 1)
}

// whole tells whether the rows of a float32 matrix can be read by eight elements
// at a time.
func (m matrix) whole() bool {
	return m.cs == 1 && m.cols%8 == 0 && m.at%16 == 0 && (m.rs%4 == 0 || m.rows == 1)
}
