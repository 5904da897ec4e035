package gemm

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// fenced returns n elements that begin, or end, where memory cannot be read.
func fenced(t *testing.T, n int, atStart bool) []float32 {
	t.Helper()
	page := unix.Getpagesize()
	size := (4*n + page - 1) / page * page
	whole, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(whole)) })
	require.NoError(t, unix.Mprotect(whole[:page], unix.PROT_NONE))
	require.NoError(t, unix.Mprotect(whole[page+size:], unix.PROT_NONE))
	inner := whole[page : page+size]
	if n == 0 {
		return nil
	}
	if atStart {
		return unsafe.Slice((*float32)(unsafe.Pointer(&inner[0])), n)
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&inner[size-4*n])), n)
}

func fencedMatrix(t *testing.T, r *rand.Rand, l layout, rows, cols int, atStart bool) Matrix {
	m := l.view(rows, cols)
	m.Data = fenced(t, span(m), atStart)
	for i := range m.Data {
		m.Data[i] = float32(r.NormFloat64())
	}
	return m
}

// TestBounds: no product reads or writes past its operands, which would fault here.
func TestBounds(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(21, 22))
		sizes := []int{1, 2, 3, 5, 7, 9, 13, 15, 16, 17, 31, 33, 47}
		for range 400 {
			m, n, k := sizes[r.IntN(len(sizes))], sizes[r.IntN(len(sizes))], sizes[r.IntN(len(sizes))]
			t.Run("", func(t *testing.T) {
				atStart := r.IntN(2) == 0
				some := func() layout { return layout(r.IntN(int(layouts))) }
				a, b := fencedMatrix(t, r, some(), m, k, atStart), fencedMatrix(t, r, some(), k, n, atStart)
				c := fencedMatrix(t, r, some(), m, n, atStart)
				Mul(nil, c, a, b, 1, 0.5)
				mulBlocked(nil, c, a, b, 1, 0.5)
				Pack(nil, b).Mul(nil, c, a, 1)
			})
		}
	})
}
