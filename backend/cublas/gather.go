//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// rows are the operands of Gather and ScatterAdd: list, of shape (I..., rest...),
// has a row for each index; table, of shape (V, rest...), is looked up or added to.
type rows struct {
	v, step int       // table's rows, and its stride of them
	at      loop.Loop // over I: list, index
	row     loop.Loop // over rest: the written operand, the read one
}

func (r *rows) init(op string, list, table, index *tensor.Tensor, gather bool) {
	if index.DType != tensor.Int32 {
		tensor.Panicf(op, []*tensor.Tensor{list, table, index}, "indices are %v", index.DType)
	}
	r.v, r.step = table.Shape[0], table.Strides[0]
	r.at.Reset(2)
	r.row.Reset(2)
	lead := len(index.Shape)
	for axis, n := range index.Shape {
		r.at.Push(n, [loop.MaxOperands]int{list.Strides[axis], index.Strides[axis]})
	}
	for axis, n := range table.Shape[1:] {
		s := [loop.MaxOperands]int{list.Strides[lead+axis], table.Strides[1+axis]}
		if !gather {
			s[0], s[1] = s[1], s[0]
		}
		r.row.Push(n, s)
	}
	r.at.Merge()
	r.row.Merge()
}

const tableWords = 2 + walkWords

// appendTable adds the words of the kernels' struct table.
func (r *rows) appendTable(words []uint64) []uint64 {
	return appendWalk(append(words, uint64(r.v), uint64(r.step)), &r.at)
}

var (
	gathers    = sizeKernels("gather", "gather")
	gatherBF16 = kernel{file: "gather", name: "gather_bf16"}
	gatherInt8 = kernel{file: "gather", name: "gather_i8"}
)

// Gather is dst[i...] = table[index[i...]]. Where there is no such row elements of
// dst become NaN, those of int32 -1.
func (b *Backend) Gather(dst, table, index *tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var r rows
	r.init("Gather", dst, table, index, true)
	if r.at.Size*r.row.Size == 0 {
		return
	}
	var k kernel
	switch {
	case dst.DType == table.DType:
		k = gathers.of("Gather", dst)
	case dst.DType == tensor.Float32 && table.DType == tensor.BFloat16:
		k = gatherBF16
	case dst.DType == tensor.Float32 && table.DType == tensor.Int8 && len(table.Shape) == 2 && table.Strides[1] == 1:
		b.gatherBlocks(dst, table, index, &r)
		return
	default:
		tensor.Panicf("Gather", []*tensor.Tensor{dst, table}, "no kernel for %v from %v", dst.DType, table.DType)
	}
	s := newStepping(elementLanes, &r.row)
	var room [tableWords]uint64
	var steps [stepsWords]uint64
	l := b.begin(k, b.spread(r.at.Size*s.Size), threads, 0).Ptr(b.at(dst)).Ptr(b.at(table)).Ptr(b.at(index))
	b.run(k, l.Words(r.appendTable(room[:0])...).Words(s.words(&steps)...))
}

// gatherBlocks is Gather from a table of Int8.
func (b *Backend) gatherBlocks(dst, table, index *tensor.Tensor, r *rows) {
	r.step = r.step / tensor.BlockLen * blockWords
	r.row.Operands = 1
	var room [tableWords]uint64
	var row [walkWords]uint64
	l := b.begin(gatherInt8, b.spread(r.at.Size*r.row.Size), threads, 0).Ptr(b.at(dst)).Ptr(b.at(table)).Ptr(b.at(index))
	b.run(gatherInt8, l.Words(r.appendTable(room[:0])...).Words(appendWalk(row[:0], &r.row)...))
}

const (
	sortThreads = 128      // of a block that sorts
	mostSorted  = 16 << 10 // indices at a time: the work grows with their square
)

var (
	sortIndices = kernel{file: "gather", name: "sort_indices"}
	scatterAdds = numberKernels("gather", "scatter_add")
)

// ScatterAdd is dst[index[i...]] += src[i...], in the order of i. An index that is
// no row of dst adds nothing.
func (b *Backend) ScatterAdd(dst, src, index *tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	same("ScatterAdd", dst, src)
	k := scatterAdds.of("ScatterAdd", dst)
	var r rows
	r.init("ScatterAdd", src, dst, index, false)
	if r.at.Size*r.row.Size == 0 || r.v == 0 {
		return
	}
	mem := b.scratch(2 * 4 * min(r.at.Size, mostSorted))
	defer b.release(mem)
	for lo := 0; lo < r.at.Size; lo += mostSorted {
		b.scatterSome(k, dst, src, index, &r, mem, lo, min(mostSorted, r.at.Size-lo))
	}
}

// scatterSome adds the rows of n indices from lo on: it sorts them in working
// memory, so that each row of dst is summed by one warp.
func (b *Backend) scatterSome(k kernel, dst, src, index *tensor.Tensor, r *rows, mem scratch, lo, n int) {
	keys, order := uint64(mem.at), uint64(mem.at)+uint64(4*n)
	var room [tableWords]uint64
	table := r.appendTable(room[:0])
	l := b.begin(sortIndices, (n+sortThreads-1)/sortThreads, sortThreads, 0).Words(keys).Words(order)
	b.run(sortIndices, l.Ptr(b.at(index)).Words(table...).Int(lo).Int(n))

	teams := min(n, r.v)
	warps := teams * ((r.row.Size + 31) / 32)
	var row [walkWords]uint64
	l = b.begin(k, (warps*32+threads-1)/threads, threads, 0).Ptr(b.at(dst)).Ptr(b.at(src)).Words(table...)
	l.Words(appendWalk(row[:0], &r.row)...).Words(keys, order, uint64(lo), uint64(n), uint64(truth(r.v <= n)))
	b.run(k, l)
}
