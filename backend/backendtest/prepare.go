package backendtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// prepare tests that products by prepared weights are what they were, and see
// every later write to the weights.
func (s *suite) prepare(t *testing.T) {
	p, ok := s.b.(backend.Preparer)
	if !ok {
		t.Skip("the backend prepares nothing")
	}
	for _, d := range append(storedTypes, tensor.Float32, tensor.Float64) {
		for _, rows := range []int{1, 4, 5, 16, 64, 65} {
			s.prepared(t, p, d, rows)
		}
	}
	s.preparedWrites(t, p)
}

// prepared compares products by w and its transpose before and after.
func (s *suite) prepared(t *testing.T, p backend.Preparer, d tensor.DType, rows int) {
	compute := d.Compute()
	w := s.weights(t, compute, d, normals(1, 70, 70))
	a, dst := s.put(t, dense, compute, normals(2, rows, 70)), s.put(t, dense, compute, newArray(rows, 70))
	defer s.free(w, a, dst)
	for _, view := range []*tensor.Tensor{w, w.Transpose()} {
		s.b.MatMul(dst, a, view, false)
		want := s.get(t, dst)
		p.Prepare(view)
		p.Prepare(view)
		s.b.MatMul(dst, a, view, false)
		same(t, want, s.get(t, dst), 1e-5)
	}
}

// preparedWrites writes prepared weights in every way there is.
func (s *suite) preparedWrites(t *testing.T, p backend.Preparer) {
	const n = 40
	for name, write := range map[string]func(w, x *tensor.Tensor){
		"Copy":   func(w, x *tensor.Tensor) { s.b.Copy(w, x) },
		"a part": func(w, x *tensor.Tensor) { s.b.Copy(w.Slice(0, 3, 4), x.Slice(0, 3, 4)) },
		"Write":  func(w, x *tensor.Tensor) { require.NoError(t, s.b.Write(w, tensor.Bytes(make([]float32, n*n)))) },
		"Fill":   func(w, x *tensor.Tensor) { s.b.Fill(w, 3) },
		"Unary":  func(w, x *tensor.Tensor) { s.b.Unary(backend.Unary{Kind: backend.Exp}, w, x) },
		"Binary": func(w, x *tensor.Tensor) { s.b.Binary(backend.Add, w, w, x) },
		"Select": func(w, x *tensor.Tensor) {
			cond := s.put(t, dense, tensor.Int32, newArray(n, n))
			defer s.free(cond)
			s.b.Select(w, cond, w, x)
		},
		"Reduce": func(w, x *tensor.Tensor) { s.b.Reduce(backend.Sum, w.Slice(0, 0, 1), x) },
		"MatMul": func(w, x *tensor.Tensor) { s.b.MatMul(w, x, x, true) },
		"Random": func(w, x *tensor.Tensor) {
			s.b.Random(w, backend.Dist{Kind: backend.Uniform, B: 1}, tensor.Key{Seed: 1})
		},
		"Gather":     func(w, x *tensor.Tensor) { s.lookUp(t, n, func(index *tensor.Tensor) { s.b.Gather(w, x, index) }) },
		"ScatterAdd": func(w, x *tensor.Tensor) { s.lookUp(t, n, func(index *tensor.Tensor) { s.b.ScatterAdd(w, x, index) }) },
		"Descend": func(w, x *tensor.Tensor) {
			if d, ok := s.b.(backend.Descender); ok {
				d.Descend([]*tensor.Tensor{w}, []*tensor.Tensor{x}, []float64{1})
			} else {
				s.b.Fill(w, 1)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, x := s.put(t, dense, tensor.Float32, normals(1, n, n)), s.put(t, dense, tensor.Float32, normals(2, n, n))
			a, dst := s.put(t, dense, tensor.Float32, normals(3, 8, n)), s.put(t, dense, tensor.Float32, newArray(8, n))
			defer s.free(w, x, a, dst)
			p.Prepare(w)
			s.b.MatMul(dst, a, w, false)
			write(w, x)
			fresh := backend.Clone(s.b, w)
			defer s.free(fresh)
			s.b.MatMul(dst, a, fresh, false)
			want := s.get(t, dst)
			s.b.MatMul(dst, a, w, false)
			same(t, want, s.get(t, dst), 1e-5)
		})
	}
}

// lookUp calls f with n indices of the first row.
func (s *suite) lookUp(t *testing.T, n int, f func(index *tensor.Tensor)) {
	index := s.put(t, dense, tensor.Int32, newArray(n))
	defer s.free(index)
	f(index)
}
