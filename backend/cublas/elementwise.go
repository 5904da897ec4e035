//go:build cgo && linux

package cublas

import (
	"fmt"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// elementLanes is how many elements a thread takes at a time: LANES.
const elementLanes = 4

// byNumber is a kernel by the type of its operands.
type byNumber struct{ f32, f64, i32 kernel }

func numberKernels(file, name string) byNumber {
	return byNumber{kernel{file: file, name: name + "_f32"}, kernel{file: file, name: name + "_f64"}, kernel{file: file, name: name + "_i32"}}
}

// of is the kernel for tensors of t's dtype.
func (k *byNumber) of(op string, t *tensor.Tensor) kernel {
	switch t.DType {
	case tensor.Float32:
		return k.f32
	case tensor.Float64:
		return k.f64
	case tensor.Int32:
		return k.i32
	}
	tensor.Panicf(op, []*tensor.Tensor{t}, "no kernel for %v", t.DType)
	panic("unreachable")
}

// same panics where tensors differ in dtype.
func same(op string, t *tensor.Tensor, others ...*tensor.Tensor) {
	for _, o := range others {
		if o.DType != t.DType {
			tensor.Panicf(op, append([]*tensor.Tensor{t}, others...), "no kernel for %v beside %v", o.DType, t.DType)
		}
	}
}

// Fill writes one value to every element of dst.
func (b *Backend) Fill(dst *tensor.Tensor, value float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(dst, value)
}

var fills, viewFills = typeKernels("elementwise", "fill"), typeKernels("elementwise", "fill_view")

// fill is Fill with the lock held.
func (b *Backend) fill(dst *tensor.Tensor, value float64) {
	if dst.DType == tensor.Int8 {
		b.fillBlocks(dst, float32(value))
		return
	}
	var l loop.Loop
	l.Elementwise(dst.Shape, dst)
	if l.Size == 0 {
		return
	}
	if dense(&l) {
		k := fills[dst.DType]
		b.run(k, b.begin(k, b.spread((l.Size+3)/4), threads, 0).Ptr(b.at(dst)).Int(l.Size).Double(value))
		return
	}
	var room [walkWords]uint64
	k := viewFills[dst.DType]
	b.run(k, b.begin(k, b.spread(l.Size), threads, 0).Ptr(b.at(dst)).Words(appendWalk(room[:0], &l)...).Double(value))
}

var unaries = [backend.UnaryKinds]byFloat{
	backend.Affine:   floatKernels("elementwise", "affine"),
	backend.Power:    floatKernels("elementwise", "power"),
	backend.Exp:      floatKernels("elementwise", "exponential"),
	backend.Log:      floatKernels("elementwise", "logarithm"),
	backend.Sqrt:     floatKernels("elementwise", "root"),
	backend.Tanh:     floatKernels("elementwise", "tangent"),
	backend.Logistic: floatKernels("elementwise", "logistic"),
	backend.GELU:     floatKernels("elementwise", "gelu"),
	backend.GELUTanh: floatKernels("elementwise", "gelu_tanh"),
}

// powers are the powers that need no logarithm.
var powers = map[float64]byFloat{
	2: floatKernels("elementwise", "square"), 0.5: unaries[backend.Sqrt],
	-1: floatKernels("elementwise", "inverse"), -0.5: floatKernels("elementwise", "inverse_root"),
}

// Unary is dst = f(x), elementwise.
func (b *Backend) Unary(f backend.Unary, dst, x *tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	same("Unary", dst, x)
	each := unaries[f.Kind]
	if simple, ok := powers[f.A]; ok && f.Kind == backend.Power {
		each = simple
	}
	k := each.of("Unary", dst)
	s := elementwise(dst.Shape, dst, x)
	if s.Size == 0 {
		return
	}
	var room [stepsWords]uint64
	l := b.begin(k, b.spread(s.Size), threads, 0).Ptr(b.at(dst)).Ptr(b.at(x))
	b.run(k, l.Words(s.words(&room)...).Double(f.A).Double(f.B))
}

var binaries = [backend.BinaryKinds]byNumber{
	backend.Add:          numberKernels("elementwise", "add"),
	backend.Sub:          numberKernels("elementwise", "subtract"),
	backend.Mul:          numberKernels("elementwise", "multiply"),
	backend.Div:          numberKernels("elementwise", "divide"),
	backend.Less:         numberKernels("elementwise", "less"),
	backend.Equal:        numberKernels("elementwise", "equal"),
	backend.TanhGrad:     numberKernels("elementwise", "tangent_grad"),
	backend.LogisticGrad: numberKernels("elementwise", "logistic_grad"),
	backend.GELUGrad:     numberKernels("elementwise", "gelu_grad"),
	backend.GELUTanhGrad: numberKernels("elementwise", "gelu_tanh_grad"),
}

// Binary is dst = f(x, y), elementwise; x and y broadcast to dst's shape. What is
// more than arithmetic or a comparison is for floats alone.
func (b *Backend) Binary(f backend.Binary, dst, x, y *tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	compare := f == backend.Less || f == backend.Equal
	same("Binary", x, y)
	if !compare {
		same("Binary", dst, x)
	}
	if compare && dst.DType != tensor.Int32 || x.DType == tensor.Int32 && f > backend.Mul && !compare {
		tensor.Panicf("Binary", []*tensor.Tensor{dst, x, y}, "no kernel for %v from %v", dst.DType, x.DType)
	}
	k := binaries[f].of("Binary", x)
	s := elementwise(dst.Shape, dst, x, y)
	if s.Size == 0 {
		return
	}
	var room [stepsWords]uint64
	l := b.begin(k, b.spread(s.Size), threads, 0).Ptr(b.at(dst)).Ptr(b.at(x)).Ptr(b.at(y))
	b.run(k, l.Words(s.words(&room)...))
}

// bySize is a kernel by the bytes of an element.
type bySize struct{ two, four, eight kernel }

func sizeKernels(file, name string) bySize {
	named := func(size int) kernel { return kernel{file: file, name: fmt.Sprintf("%s_%d", name, size)} }
	return bySize{named(2), named(4), named(8)}
}

// of is the kernel for elements of t's size, which are not blocks.
func (k *bySize) of(op string, t *tensor.Tensor) kernel {
	switch t.DType.Size() {
	case 2:
		return k.two
	case 4:
		return k.four
	case 8:
		return k.eight
	}
	tensor.Panicf(op, []*tensor.Tensor{t}, "no kernel for %v", t.DType)
	panic("unreachable")
}

var selects = sizeKernels("elementwise", "select")

// Select is dst = cond != 0 ? x : y; cond is int32, all broadcast to dst.
func (b *Backend) Select(dst, cond, x, y *tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	same("Select", dst, x, y)
	if cond.DType != tensor.Int32 {
		tensor.Panicf("Select", []*tensor.Tensor{dst, cond, x, y}, "the condition is %v", cond.DType)
	}
	k := selects.of("Select", dst)
	s := elementwise(dst.Shape, dst, cond, x, y)
	if s.Size == 0 {
		return
	}
	var room [stepsWords]uint64
	l := b.begin(k, b.spread(s.Size), threads, 0).Ptr(b.at(dst)).Ptr(b.at(cond)).Ptr(b.at(x)).Ptr(b.at(y))
	b.run(k, l.Words(s.words(&room)...))
}
