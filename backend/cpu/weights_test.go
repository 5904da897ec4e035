package cpu

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// storedWeights are normal numbers in a dtype.
func storedWeights(b *Backend, d tensor.DType, shape ...int) *tensor.Tensor {
	x, w := drawnNormal(b, tensor.Float32, shape...), backend.New(b, d, shape...)
	b.Copy(w, x)
	b.Free(x.Buf)
	return w
}

// An LSTM with stored weights gives the same bits on any number of threads.
func TestStoredLSTMDoesNotDependOnThreads(t *testing.T) {
	for _, d := range []tensor.DType{tensor.BFloat16, tensor.Int8} {
		for _, batch := range []int{1, 5, 40} {
			var want []float32
			for _, threads := range []int{1, 2, 3} {
				b := open(t, threads)
				const steps, size = 3, 200
				f := func(shape ...int) *tensor.Tensor { return drawnNormal(b, tensor.Float32, shape...) }
				c := &backend.LSTMCall{
					X: f(steps, batch, size), H0: f(batch, size), C0: f(batch, size),
					Wih: storedWeights(b, d, 4*size, size), Whh: storedWeights(b, d, 4*size, size), Bih: f(4 * size), Bhh: f(4 * size),
					Y: f(steps, batch, size), HN: f(batch, size), CN: f(batch, size), Gates: f(steps, batch, 4*size), Cells: f(steps, batch, size),
				}
				b.LSTM(c)
				got, err := backend.Data[float32](b, c.Y)
				require.NoError(t, err)
				if threads == 1 {
					want = got
				}
				assert.Equal(t, want, got, "%v, batch %d, %d threads", d, batch, threads)
				backend.Release(b, c.X, c.H0, c.C0, c.Wih, c.Whh, c.Bih, c.Bhh, c.Y, c.HN, c.CN, c.Gates, c.Cells)
				assert.Zero(t, b.store.inUse, "scratch is given back")
			}
		}
	}
}

func TestMisuseOfStoredWeightsPanics(t *testing.T) {
	b := open(t, 1)
	w, x, dst := backend.Zeros(b, tensor.BFloat16, 40, 40), backend.Zeros(b, tensor.Float32, 2, 40), backend.Zeros(b, tensor.Float32, 2, 20)
	blocks, wide := backend.Zeros(b, tensor.Int8, 40, 40), backend.Zeros(b, tensor.Float64, 2, 40)
	ids := backend.FromSlice(b, []int32{0, 1}, 2)
	for name, f := range map[string]func(){
		"rows that are not dense": func() { b.MatMul(dst, x, w.Reshape(40, 20, 2).Slice(2, 0, 1).Reshape(40, 20), false) },
		"float64 beside them":     func() { b.MatMul(wide, wide, blocks, false) },
		"a batch of them":         func() { b.MatMul(dst.Reshape(1, 2, 20), x.Reshape(1, 2, 40), blocks.Reshape(1, 40, 40), false) },
		"a table across blocks":   func() { b.Gather(x, blocks.Transpose(), ids) },
		"a copy across blocks":    func() { b.Copy(backend.New(b, tensor.Float32, 40, 40), blocks.Transpose()) },
		"from float64":            func() { b.Copy(blocks.Slice(0, 0, 2), wide) },
		"raw bytes that are few":  func() { _ = b.Write(blocks, make([]byte, 1600)) },
		"elementwise":             func() { b.Binary(backend.Add, blocks, blocks, blocks) },
	} {
		var err error
		func() {
			defer tensor.Catch(&err)
			f()
		}()
		assert.Error(t, err, name)
	}
}

// BenchmarkStored is a product of a vector and the weights of one layer, with
// what surrounds it in the backend.
func BenchmarkStored(b *testing.B) {
	for _, threads := range []int{1, 2} {
		for _, d := range []tensor.DType{tensor.Float32, tensor.BFloat16, tensor.Int8} {
			for _, k := range []int{256, 1024} {
				b.Run(fmt.Sprintf("%v/1x%dx%d/%d", d, k, 4*k, threads), func(b *testing.B) {
					c := open(b, threads)
					x, dst := drawnNormal(c, tensor.Float32, 1, k), backend.New(c, tensor.Float32, 1, 4*k)
					w := storedWeights(c, d, 4*k, k)
					b.ReportAllocs()
					b.SetBytes(int64(d.Bytes(d.Room(w.Shape))))
					for b.Loop() {
						c.MatMul(dst, x, w.Transpose(), false)
					}
				})
			}
		}
	}
}
