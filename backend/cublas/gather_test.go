//go:build cgo && linux

package cublas

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// TestScatterAddAsOnTheCPU adds long lists to small and large tables, with the same
// bits. One list has more places than are sorted at a time.
func TestScatterAddAsOnTheCPU(t *testing.T) {
	eachTwins(t, func(t *testing.T, w *twins, d tensor.DType, _ float64) {
		for _, c := range []struct{ n, rows, width int }{
			{40, 3, 37}, {200, 1, 64}, {70, 100, 40}, {1, 50, 33}, {2500, 2499, 2}, {mostSorted + 700, 256, 3},
		} {
			dst, src := w.normals(1, 1, d, nil, c.rows, c.width), w.normals(2, 1, d, nil, c.n, c.width)
			index := w.targets(c.n, c.rows)
			w.cpu.ScatterAdd(dst.cpu, src.cpu, index.cpu)
			w.gpu.ScatterAdd(dst.gpu, src.gpu, index.gpu)
			w.same(fmt.Sprint(c), dst, 0)
		}
	})
}

func TestScatterAddOfIntegers(t *testing.T) {
	w := newTwins(t, backend.Config{}, 0)
	index, src := w.targets(90, 7), w.targets(90, 1000)
	dst := twin{w.on(w.cpu, tensor.Int32, 7), w.on(w.gpu, tensor.Int32, 7)}
	w.cpu.Fill(dst.cpu, math.MaxInt32-5)
	w.gpu.Fill(dst.gpu, math.MaxInt32-5)
	w.cpu.ScatterAdd(dst.cpu, src.cpu, index.cpu)
	w.gpu.ScatterAdd(dst.gpu, src.gpu, index.gpu)
	want, err := backend.Data[int32](w.cpu, dst.cpu)
	require.NoError(t, err)
	got, err := backend.Data[int32](w.gpu, dst.gpu)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

// TestIndicesThatAreNoRow reads NaN there and leaves all rows as they are.
func TestIndicesThatAreNoRow(t *testing.T) {
	b := open(t)
	index := backend.New(b, tensor.Int32, 5)
	defer b.Free(index.Buf)
	require.NoError(t, b.Write(index, tensor.Bytes([]int32{1, -1, 3, math.MaxInt32, math.MinInt32})))
	for _, d := range []tensor.DType{tensor.Float32, tensor.BFloat16, tensor.Int8} {
		table, dst := normals(t, b, 1, d, false, 3, 8), normals(t, b, 2, tensor.Float32, false, 5, 8)
		before := values(t, b, table)
		b.Gather(dst, table, index)
		for i, row := range values(t, b, dst) {
			for j, v := range row {
				if i == 0 {
					assert.Equal(t, before[1][j], v)
				} else {
					assert.True(t, math.IsNaN(v), "%v: %v", d, v)
				}
			}
		}
	}
	for _, rows := range []int{3, 30} { // a team for each row, and for each place
		dst, src := normals(t, b, 1, tensor.Float32, false, rows, 8), normals(t, b, 2, tensor.Float32, false, 5, 8)
		want, by := values(t, b, dst), values(t, b, src)
		for i, k := range []int{1, 3} {
			for j := range 8 {
				if k < rows {
					want[k][j] = float64(float32(want[k][j]) + float32(by[2*i][j]))
				}
			}
		}
		b.ScatterAdd(dst, src, index)
		assert.Equal(t, want, values(t, b, dst), "%d rows", rows)
	}
}
