//go:build cgo && linux

package cublas

import (
	"math"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// How a fold is cut, by its shapes alone: results must not depend on how elements
// lie, nor on the device.
const (
	fewFolded    = 16   // most elements that a thread folds
	shortFold    = 1024 // most that a warp folds
	leastPiece   = 4096 // elements of a piece that a block folds
	leastStack   = 256  // rows of a piece where a block folds columns
	foldBlocks   = 1024 // about the blocks that a fold is cut into
	leastColumns = 8    // results side by side that are folded as columns
	foldColumns  = 32   // of a block: WARP
	foldThreads  = 512  // COLUMN_THREADS
	manyColumns  = 4096 // from how many on a thread may take four
)

// foldKernels are the ways of folding, by the dtype of what is folded.
type foldKernels struct{ few, short, long, columns, columns4 [tensor.Int8]kernel }

var (
	folds = foldKernels{
		typeKernels("reduce", "fold_few"), typeKernels("reduce", "fold_short"), typeKernels("reduce", "fold_long"),
		typeKernels("reduce", "fold_columns"), typeKernels("reduce", "fold_columns4"),
	}
	foldParts = typeKernels("reduce", "fold_parts") // by the results' dtype
)

// fold is the kernels' struct plan, for one launch.
type fold struct {
	f            backend.Reduce
	piece        int // elements of a piece
	pieces       int
	kept, folded loop.Loop // dst, x; x
	parts        cuda.Ptr  // float64 (pieces, results), where there are several
}

// Reduce folds x over the axes where dst has length 1 and x has not.
func (b *Backend) Reduce(f backend.Reduce, dst, x *tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reduce(f, dst, x)
}

// reduce is Reduce with the lock held. Any bfloat16 x may go to float32.
func (b *Backend) reduce(f backend.Reduce, dst, x *tensor.Tensor) {
	if dst.DType != x.DType.Compute() || x.DType == tensor.Int8 {
		tensor.Panicf("Reduce", []*tensor.Tensor{dst, x}, "no kernel for %v from %v", dst.DType, x.DType)
	}
	var p fold
	width := p.init(f, dst, x)
	n, results := p.folded.Size, p.kept.Size
	switch {
	case results == 0:
	case n == 0:
		b.fill(dst, foldStart(f, dst.DType))
	case n <= fewFolded:
		b.fold(folds.few[x.DType], b.spread(results), threads, dst, b.at(x), &p)
	case width >= leastColumns:
		b.foldStacks(dst, x, &p)
	case n <= shortFold:
		b.fold(folds.short[x.DType], b.spread(results*32), threads, dst, b.at(x), &p)
	default:
		p.cut(leastPiece, results)
		b.foldPieces(folds.long[x.DType], results, threads, dst, x, &p)
	}
}

// foldStart is the fold of no elements.
func foldStart(f backend.Reduce, d tensor.DType) float64 {
	switch {
	case f != backend.Max:
		return 0
	case d == tensor.Int32:
		return math.MinInt32
	}
	return math.Inf(-1)
}

// init makes p a fold in one piece, and tells how many results the axes kept after
// the last folded one have.
func (p *fold) init(f backend.Reduce, dst, x *tensor.Tensor) (width int) {
	p.f, p.pieces, width = f, 1, 1
	p.kept.Reset(2)
	p.folded.Reset(1)
	for axis, n := range x.Shape {
		if n != 1 && dst.Shape[axis] == 1 {
			p.folded.Push(n, [loop.MaxOperands]int{x.Strides[axis]})
			width = 1
			continue
		}
		p.kept.Push(n, [loop.MaxOperands]int{dst.Strides[axis], x.Strides[axis]})
		width *= n
	}
	p.kept.Merge()
	p.folded.Merge()
	p.piece = p.folded.Size
	return width
}

// cut makes pieces, of which each takes so many blocks, until there are enough
// blocks or a piece has the least elements.
func (p *fold) cut(least, blocks int) {
	n := p.folded.Size
	pieces := min((n+least-1)/least, (foldBlocks+blocks-1)/blocks)
	p.piece = (n + pieces - 1) / pieces
	p.piece = (p.piece + 3) &^ 3
	p.pieces = (n + p.piece - 1) / p.piece
}

// foldStacks folds results that lie side by side.
func (b *Backend) foldStacks(dst, x *tensor.Tensor, p *fold) {
	k, results := folds.columns[x.DType], p.kept.Size
	tiles := (results + foldColumns - 1) / foldColumns
	p.cut(leastStack, tiles)
	if results >= manyColumns && p.kept.Run()%4 == 0 && p.kept.Inner(1) == 1 {
		k, tiles = folds.columns4[x.DType], (results+4*foldColumns-1)/(4*foldColumns)
	}
	b.foldPieces(k, tiles, foldThreads, dst, x, p)
}

// foldPieces folds all pieces, of so many blocks each, and puts their results
// together.
func (b *Backend) foldPieces(k kernel, blocks, threads int, dst, x *tensor.Tensor, p *fold) {
	if p.pieces == 1 {
		b.fold(k, blocks, threads, dst, b.at(x), p)
		return
	}
	results := p.kept.Size
	mem := b.scratch(8 * p.pieces * results)
	defer b.release(mem)
	p.parts = mem.at
	b.fold(k, blocks*p.pieces, threads, dst, b.at(x), p)
	all := fold{f: p.f, piece: p.pieces, pieces: 1}
	if all.f == backend.SumSquares {
		all.f = backend.Sum
	}
	all.folded.Reset(1)
	all.folded.Push(p.pieces, [loop.MaxOperands]int{results})
	all.folded.Merge()
	all.kept = p.kept
	all.kept.Strides[1] = rowMajor(&p.kept)
	b.fold(foldParts[dst.DType], (results+foldColumns-1)/foldColumns, foldThreads, dst, mem.at, &all)
}

// rowMajor are the strides of a dense operand of l.
func rowMajor(l *loop.Loop) (strides [loop.MaxRank]int) {
	n := 1
	for d := l.Rank - 1; d >= 0; d-- {
		strides[d] = n
		n *= l.Shape[d]
	}
	return strides
}

// fold queues one launch.
func (b *Backend) fold(k kernel, blocks, threads int, dst *tensor.Tensor, x cuda.Ptr, p *fold) {
	var room [4 + 2*walkWords]uint64
	words := append(room[:0], uint64(p.folded.Size), uint64(p.piece), uint64(p.pieces), uint64(p.parts))
	words = appendWalk(appendWalk(words, &p.kept), &p.folded)
	b.run(k, b.begin(k, blocks, threads, 0).Ptr(b.at(dst)).Ptr(x).Words(words...).Int(int(p.f)))
}
