//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

// byFloat is a kernel by the type that it computes in.
type byFloat struct{ f32, f64 kernel }

func floatKernels(file, name string) byFloat {
	return byFloat{kernel{file: file, name: name + "_f32"}, kernel{file: file, name: name + "_f64"}}
}

// of is the kernel for t's dtype.
func (k *byFloat) of(op string, t *tensor.Tensor) kernel {
	switch t.DType {
	case tensor.Float32:
		return k.f32
	case tensor.Float64:
		return k.f64
	}
	tensor.Panicf(op, []*tensor.Tensor{t}, "no kernel for %v", t.DType)
	panic("unreachable")
}

// rowKernels fold rows: short ones by a warp, long ones by a block.
type rowKernels struct{ short, long byFloat }

func newRowKernels(name string) rowKernels {
	return rowKernels{floatKernels("rows", name+"_short"), floatKernels("rows", name+"_long")}
}

// of is the kernel for rows of t's last axis.
func (k *rowKernels) of(op string, t *tensor.Tensor) kernel {
	if isShort(t.Dim(-1)) {
		return k.short.of(op, t)
	}
	return k.long.of(op, t)
}

const (
	shortRow    = 1024 // the most elements that a warp folds
	longThreads = 512  // of a block for longer rows: LONG_THREADS
)

func isShort(width int) bool { return width <= shortRow }

// lines is the shape of a contiguous tensor as rows of its last axis.
func lines(t *tensor.Tensor) (n, width int) {
	width = t.Dim(-1)
	if width == 0 {
		return 0, 0
	}
	return t.Len() / width, width
}

// beginRows begins a launch over n rows, of which there are some.
func (b *Backend) beginRows(k kernel, n, width int) *cuda.Launch {
	if isShort(width) {
		const rows = threads / 32
		return b.begin(k, (n+rows-1)/rows, threads, 0)
	}
	return b.begin(k, n, longThreads, 0)
}

// pointer is the address of t, null where there is none.
func (b *Backend) pointer(t *tensor.Tensor) cuda.Ptr {
	if t == nil {
		return 0
	}
	return b.at(t)
}

const (
	sumThreads = 512  // of a block that sums columns: SUM_THREADS
	sumRows    = 512  // of a part
	mostSums   = 512  // parts
	wideRow    = 4096 // from how many columns on a thread sums four
)

var (
	columnSums     = floatKernels("columns", "column_sum")
	wideColumnSums = floatKernels("columns", "column_sum4")
	bf16ColumnSum  = kernel{file: "columns", name: "column_sum_bf16"}
	bf16WideSum    = kernel{file: "columns", name: "column_sum4_bf16"}
)

// columnSum is dst = the sum of the rows of x, or dst += it: x (N, H) contiguous,
// dst (H). Rows of bfloat16 are summed in float32.
func (b *Backend) columnSum(dst, x *tensor.Tensor, accumulate bool) {
	n, width := x.Shape[0], x.Shape[1]
	rows := max(sumRows, (n+mostSums-1)/mostSums)
	parts := (n + rows - 1) / rows
	if parts <= 1 {
		b.sumPart(dst, x, max(1, n), accumulate)
		return
	}
	mem := b.scratch(dst.DType.Bytes(parts * width))
	defer b.release(mem)
	some := b.view(mem, dst.DType, parts, width)
	b.sumPart(some, x, rows, false)
	b.sumPart(dst, some, parts, accumulate)
}

// sumPart writes the sum of each rows of x to a row of dst.
func (b *Backend) sumPart(dst, x *tensor.Tensor, rows int, accumulate bool) {
	n, width := x.Shape[0], x.Shape[1]
	if width == 0 {
		return
	}
	across, wide := 32, width >= wideRow && width%4 == 0
	if wide {
		across = 4 * 32
	}
	k := sumKernel(x, wide)
	parts := max(1, (n+rows-1)/rows)
	l := b.begin(k, parts*((width+across-1)/across), sumThreads, 0)
	b.run(k, l.Ptr(b.at(dst)).Ptr(b.at(x)).Int(n).Int(width).Int(rows).Int(truth(accumulate)))
}

func sumKernel(x *tensor.Tensor, wide bool) kernel {
	switch {
	case x.DType == tensor.BFloat16 && wide:
		return bf16WideSum
	case x.DType == tensor.BFloat16:
		return bf16ColumnSum
	case wide:
		return wideColumnSums.of("column sum", x)
	}
	return columnSums.of("column sum", x)
}

// truth is a bool as kernels take it.
func truth(v bool) int {
	if v {
		return 1
	}
	return 0
}
