//go:build cgo && linux

package cublas

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// TestLaunchesLeaveNothing counts the Go allocations of kernels in steady state.
func TestLaunchesLeaveNothing(t *testing.T) {
	b := open(t)
	x, y, z := backend.New(b, tensor.Float32, 40, 64), backend.New(b, tensor.Float32, 40, 64), backend.New(b, tensor.Float32, 40, 64)
	bias, total, cond := backend.New(b, tensor.Float32, 1, 64), backend.New(b, tensor.Float32, 40, 1), backend.New(b, tensor.Int32, 40, 64)
	narrow, index := backend.New(b, tensor.BFloat16, 40, 64), backend.New(b, tensor.Int32, 40)
	turned := backend.New(b, tensor.Float32, 64, 40).Transpose()
	for _, w := range []*tensor.Tensor{x, y, z, bias, total, cond, narrow, index, turned} {
		b.Fill(w, 1)
		defer b.Free(w.Buf)
	}
	for name, run := range map[string]func(){
		"Fill":       func() { b.Fill(x, 0); b.Fill(turned, 0) },
		"Copy":       func() { b.Copy(x, y); b.Copy(narrow, x); b.Copy(turned, x) },
		"Unary":      func() { b.Unary(backend.Unary{Kind: backend.Tanh}, y, x) },
		"Binary":     func() { b.Binary(backend.Add, z, x, bias); b.Binary(backend.Less, cond, x, y) },
		"Select":     func() { b.Select(z, cond, x, y) },
		"Reduce":     func() { b.Reduce(backend.Sum, bias, x); b.Reduce(backend.Max, total, x) },
		"Gather":     func() { b.Gather(z, x, index) },
		"ScatterAdd": func() { b.ScatterAdd(z, x, index) },
		"Random":     func() { b.Random(x, backend.Dist{Kind: backend.Mask, A: 0.5}, tensor.Key{}) },
	} {
		assert.Zero(t, testing.AllocsPerRun(10, run), name)
	}
}
