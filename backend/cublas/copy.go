//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// suffixes of kernels' names, by the dtype that a kernel is for.
var suffixes = [tensor.Int8]string{
	tensor.Float32: "f32", tensor.Float64: "f64", tensor.Int32: "i32", tensor.BFloat16: "bf16",
}

// typeKernels is a kernel by the dtype that it is for.
func typeKernels(file, name string) (table [tensor.Int8]kernel) {
	for d, suffix := range suffixes {
		table[d] = kernel{file: file, name: name + "_" + suffix}
	}
	return table
}

// copyKernel copies elements, or transposes matrices of them.
type copyKernel struct{ elements, matrices kernel }

// copies are the kernels from a dtype to another.
var copies = copyKernels()

func copyKernels() (table [tensor.Int8][tensor.Int8]copyKernel) {
	for from, suffix := range suffixes {
		for to, other := range suffixes {
			name := suffix + "_" + other
			switch {
			case from == 0 || to == 0:
				continue
			case from == to:
				name = string('0' + rune(tensor.DType(from).Size()))
			}
			table[from][to] = copyKernel{kernel{file: "copy", name: "copy_" + name}, kernel{file: "copy", name: "transpose_" + name}}
		}
	}
	return table
}

// Copy writes src to dst, converting where the dtypes differ.
func (b *Backend) Copy(dst, src *tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.copy(dst, src)
}

// copyLanes is how many elements a thread takes at a time: LANES.
const copyLanes = 8

// copy is Copy with the lock held.
func (b *Backend) copy(dst, src *tensor.Tensor) {
	if dst.DType == tensor.Int8 || src.DType == tensor.Int8 {
		b.copyBlocks(dst, src)
		return
	}
	var l loop.Loop
	l.Elementwise(dst.Shape, dst, src)
	size := 0
	if dst.DType == src.DType {
		size = dst.DType.Size()
	}
	b.move(&copies[src.DType][dst.DType], b.at(dst), b.at(src), size, &l)
}

// move copies the elements of a loop by one of k's kernels, or as bytes. size is
// that of an element, 0 where they are converted.
func (b *Backend) move(k *copyKernel, dst, src cuda.Ptr, size int, l *loop.Loop) {
	if l.Size == 0 || b.fault != nil {
		return
	}
	if size > 0 && dense(l) {
		b.check(b.dev.Within(dst, src, size*l.Size))
		return
	}
	if axis := turned(l); axis >= 0 {
		b.transpose(k.matrices, dst, src, *l, axis)
		return
	}
	var room [stepsWords]uint64
	s := newStepping(copyLanes, l)
	b.run(k.elements, b.begin(k.elements, b.spread(s.Size), threads, 0).Ptr(dst).Ptr(src).Words(s.words(&room)...))
}

// transposeTile is the side of a block's tile: TILE.
const transposeTile = 32

// turned is the axis along which the source lies dense where the destination does
// so along the innermost, and both are long enough for tiles; else -1.
func turned(l *loop.Loop) int {
	if l.Inner(0) != 1 || l.Inner(1) < 2 || l.Run() < transposeTile/4 {
		return -1
	}
	for axis := range l.Rank - 1 {
		if l.Strides[1][axis] == 1 && l.Shape[axis] >= transposeTile/4 {
			return axis
		}
	}
	return -1
}

// transpose copies matrices whose rows, along an axis of l, lie dense in src.
func (b *Backend) transpose(k kernel, dst, src cuda.Ptr, l loop.Loop, axis int) {
	last := l.Rank - 1
	rows, cols := l.Shape[axis], l.Shape[last]
	words := [...]uint64{uint64(rows), uint64(cols), uint64(l.Strides[0][axis]), uint64(l.Inner(1))}
	l.Shape[axis], l.Shape[last] = 1, 1
	l.Size /= rows * cols
	tiles := (rows + transposeTile - 1) / transposeTile * ((cols + transposeTile - 1) / transposeTile) * l.Size
	var room [len(words) + walkWords]uint64
	b.run(k, b.begin(k, tiles, threads, 0).Ptr(dst).Ptr(src).Words(appendWalk(append(room[:0], words[:]...), &l)...))
}

// Words of 4 bytes in a block of Int8: its scale and its elements.
const blockWords = (4 + tensor.BlockLen) / 4

// blockRows is a loop, to be merged, over the rows of tensors, those of Int8 in
// words, and the length of a row.
func blockRows(op string, ts ...*tensor.Tensor) (l loop.Loop, n int) {
	l.Reset(len(ts))
	last := len(ts[0].Shape) - 1
	for axis := range max(0, last) {
		var s [loop.MaxOperands]int
		for k, t := range ts {
			s[k] = t.Strides[axis]
			if t.DType == tensor.Int8 {
				s[k] = s[k] / tensor.BlockLen * blockWords
			}
		}
		l.Push(ts[0].Shape[axis], s)
	}
	if last < 0 {
		return l, 1
	}
	for _, t := range ts {
		if t.DType == tensor.Int8 && t.Strides[last] != 1 {
			tensor.Panicf(op, ts, "%v is not taken across its blocks", t.DType)
		}
	}
	return l, ts[0].Shape[last]
}

var (
	quantiseRows  = kernel{file: "copy", name: "quantise_rows"}
	quantiseValue = kernel{file: "copy", name: "quantise_value"}
	widenRows     = kernel{file: "copy", name: "widen_rows"}
)

// copyBlocks is copy to or from Int8.
func (b *Backend) copyBlocks(dst, src *tensor.Tensor) {
	l, n := blockRows("Copy", dst, src)
	switch {
	case dst.DType == src.DType:
		l.Push(blocks(n)*blockWords, [loop.MaxOperands]int{1, 1})
		l.Merge()
		b.move(&copies[tensor.Int32][tensor.Int32], b.at(dst), b.at(src), 4, &l)
	case src.DType == tensor.Float32:
		b.convertRows(quantiseRows, dst, src, &l, n, src)
	case dst.DType == tensor.Float32:
		b.convertRows(widenRows, dst, src, &l, n, dst)
	default:
		tensor.Panicf("Copy", []*tensor.Tensor{dst, src}, "no conversion from %v to %v", src.DType, dst.DType)
	}
}

// blocks is how many blocks n elements take.
func blocks(n int) int { return (n + tensor.BlockLen - 1) / tensor.BlockLen }

// convertRows copies the rows of l, of n elements, to or from plain, which is of
// float32.
func (b *Backend) convertRows(k kernel, dst, src *tensor.Tensor, l *loop.Loop, n int, plain *tensor.Tensor) {
	l.Merge()
	if l.Size*n == 0 {
		return
	}
	step := 1
	if rank := len(plain.Shape); rank > 0 {
		step = plain.Strides[rank-1]
	}
	var room [walkWords]uint64
	launch := b.begin(k, b.spread(l.Size*blocks(n)*tensor.BlockLen), threads, 0).Ptr(b.at(dst)).Ptr(b.at(src))
	b.run(k, launch.Words(appendWalk(room[:0], l)...).Int(n).Int(step))
}

// fillBlocks is fill of Int8.
func (b *Backend) fillBlocks(dst *tensor.Tensor, value float32) {
	l, n := blockRows("Fill", dst)
	l.Merge()
	if l.Size*n == 0 {
		return
	}
	var room [walkWords]uint64
	launch := b.begin(quantiseValue, b.spread(l.Size*blocks(n)*tensor.BlockLen), threads, 0).Ptr(b.at(dst))
	b.run(quantiseValue, launch.Words(appendWalk(room[:0], &l)...).Int(n).Double(float64(value)))
}
