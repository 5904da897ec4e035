package backendtest

import (
	"fmt"
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// linearCrossEntropy tests losses within 1e-5 (float32) and gradients by finite
// differences, each alone and all together.
func (s *suite) linearCrossEntropy(t *testing.T) {
	b := ability[backend.LinearCrossEntropyer](s, t)
	for _, d := range floats {
		for _, shape := range [][3]int{{1, 1, 1}, {3, 2, 1}, {2, 5, 7}, {0, 3, 5}, {3, 0, 5}, {65, 9, 33}, {3, 4, 3000}} {
			t.Run(fmt.Sprint(d, shape), func(t *testing.T) { s.decoderCase(t, b, d, shape[0], shape[1], shape[2]) })
		}
	}
}

// crossEntropies are -log softmax(x w^T + b)[target] and the logarithms of the
// sums of exponentials.
func crossEntropies(x, w, b, targets array) (loss, lse array) {
	n, h, v := x.shape[0], x.shape[1], w.shape[0]
	loss, lse = newArray(n), newArray(n)
	logits := make([]float64, v)
	for i := range n {
		for k := range logits {
			logits[k] = b.data[k]
			for j := range h {
				logits[k] += x.data[i*h+j] * w.data[k*h+j]
			}
		}
		lse.data[i] = logSum(logits)
		loss.data[i] = lse.data[i] - logits[int(targets.data[i])]
	}
	return loss, lse
}

func (s *suite) decoderCase(t *testing.T, b backend.LinearCrossEntropyer, d tensor.DType, n, h, v int) {
	x, w, bias := normals(41, n, h).rounded(d), normals(42, v, h).rounded(d), normals(43, v).rounded(d)
	targets, g := integers(44, 0, v, n), normals(45, n).rounded(d)
	loss, lse := crossEntropies(x, w, bias, targets)
	tx, tw, tb := s.put(t, dense, d, x), s.put(t, dense, d, w), s.put(t, dense, d, bias)
	tk, tg := s.put(t, dense, tensor.Int32, targets), s.put(t, dense, d, g)
	tl, te := s.out(d, n), s.out(d, n)
	b.LinearCrossEntropy(tl.view, te.view, tx, tw, tb, tk)
	tol := tolerance{1e-5, 1e-12}.of(d)
	s.check(t, tl, loss, tol)
	s.check(t, te, lse, tol)
	objective := func() float64 {
		loss, _ := crossEntropies(x, w, bias, targets)
		return dot(loss, g)
	}
	for wanted := 1; wanted < 8; wanted++ {
		dx, dw, db := s.out(d, n, h), s.out(d, v, h), s.out(d, v)
		var views [3]*tensor.Tensor
		for i, r := range []room{dx, dw, db} {
			if wanted>>i&1 == 1 {
				views[i] = r.view
			}
		}
		b.LinearCrossEntropyGrad(views[0], views[1], views[2], tx, tw, tb, te.view, tk, tg)
		for i, of := range []struct {
			name string
			r    room
			at   array
		}{{"x", dx, x}, {"w", dw, w}, {"b", db, bias}} {
			if views[i] != nil && (wanted == 7 || n*v < 100) {
				checkSlopes(t, of.name, d, s.get(t, of.r.view), of.at, objective)
			}
		}
		s.free(dx.base, dw.base, db.base)
	}
	s.free(tx, tw, tb, tk, tg, tl.base, te.base)
}
