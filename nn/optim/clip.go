package optim

import (
	"math"
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// ClipNorm multiplies all gradients by min(1, limit/(norm+1e-6)), where norm is
// the Euclidean norm of all their elements together, and returns the norm from
// before. Nil gradients are left out. A limit of 0 or less only measures. A
// norm that is infinite or not a number is returned and the gradients are left
// for the caller to look at.
func ClipNorm(b backend.Backend, grads []*tensor.Tensor, limit float64) float64 {
	norm := globalNorm(b, grads)
	scale := limit / (norm + 1e-6)
	if limit <= 0 || math.IsInf(norm, 0) || !(scale < 1) {
		return norm
	}
	for _, g := range grads {
		if g != nil {
			b.Unary(backend.Unary{Kind: backend.Affine, A: scale}, g, g)
		}
	}
	return norm
}

// globalNorm reads all sums of squares at once and adds them in float64.
func globalNorm(b backend.Backend, grads []*tensor.Tensor) float64 {
	var sums *tensor.Tensor // (len(grads))
	for i, g := range grads {
		if g == nil {
			continue
		}
		if sums == nil {
			sums = backend.Zeros(b, g.DType, len(grads))
			defer backend.Release(b, sums)
		}
		if g.DType != sums.DType || !g.Contiguous() {
			tensor.Panicf("ClipNorm", []*tensor.Tensor{g}, "gradient %d is not contiguous or of another type than the others", i)
		}
	}
	if sums == nil {
		return 0
	}
	sumSquares(b, sums, grads)
	total := 0.0
	for _, s := range read(b, "ClipNorm", sums, nil) {
		total += s
	}
	return math.Sqrt(total)
}

// sumSquares writes the sum of the squares of xs[i] to dst[i], unless it is nil.
func sumSquares(b backend.Backend, dst *tensor.Tensor, xs []*tensor.Tensor) {
	if fused, ok := b.(backend.SquareSummer); ok {
		fused.SumSquares(dst, xs)
		return
	}
	for i, x := range xs {
		if x != nil {
			b.Reduce(backend.SumSquares, dst.Slice(0, i, i+1), x.Reshape(x.Len()))
		}
	}
}

// read copies a few floats to the host, into out where it is long enough.
func read(b backend.Backend, op string, t *tensor.Tensor, out []float64) []float64 {
	if t == nil {
		return nil
	}
	out = slices.Grow(out[:0], t.Len())[:t.Len()]
	if t.DType == tensor.Float64 {
		must(op, b.Read(tensor.Bytes(out), t))
		return out
	}
	narrow, err := backend.Data[float32](b, t)
	must(op, err)
	for i, x := range narrow {
		out[i] = float64(x)
	}
	return out
}

func must(op string, err error) {
	if err != nil {
		panic(&tensor.Error{Op: op, Msg: "reading norms", Err: err})
	}
}
