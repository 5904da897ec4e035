package quant

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
)

// fenced returns bytes that begin, or end, where memory cannot be read.
func fenced(t *testing.T, n int, atStart bool) []byte {
	t.Helper()
	page := unix.Getpagesize()
	size := (n + page - 1) / page * page
	whole, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(whole)) })
	require.NoError(t, unix.Mprotect(whole[:page], unix.PROT_NONE))
	require.NoError(t, unix.Mprotect(whole[page+size:], unix.PROT_NONE))
	inner := whole[page : page+size]
	if atStart {
		return inner[:n:n]
	}
	return inner[size-n:]
}

func fencedMatrix(t *testing.T, rows, cols int, atStart bool) gemm.Matrix {
	data := fenced(t, 4*rows*cols, atStart)
	return gemm.RowMajor(unsafe.Slice((*float32)(unsafe.Pointer(&data[0])), rows*cols), rows, cols)
}

// TestBounds: no product reads or writes past its operands, which would fault here.
func TestBounds(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(21, 22))
		sizes := []int{1, 2, 3, 5, 9, 17, 31, 32, 33, 47, 64, 65}
		for range 200 {
			m, n, k := sizes[r.IntN(len(sizes))], sizes[r.IntN(len(sizes))], sizes[r.IntN(len(sizes))]
			atStart := r.IntN(2) == 0
			t.Run("", func(t *testing.T) {
				for _, d := range formats {
					w := Matrix{Format: d, Rows: n, Cols: k, Stride: d.Bytes(d.Room([]int{1, k}))}
					w.Data = fenced(t, n*w.Stride, atStart)
					along, across := fencedMatrix(t, m, k, atStart), fencedMatrix(t, m, n, atStart)
					MulT(nil, across, along, w, true)
					Mul(nil, along, across, w, true)
					w.Widen(fencedMatrix(t, 1, k, atStart).Data, n-1)
				}
			})
		}
	})
}
