package vec

import (
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// fencedPage is a page of memory between two that fault when touched.
func fencedPage(t *testing.T) []float32 {
	size := syscall.Getpagesize()
	b, err := syscall.Mmap(-1, 0, 3*size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(b)) })
	require.NoError(t, syscall.Mprotect(b[:size], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(b[2*size:], syscall.PROT_NONE))
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[size])), size/4)
}

// TestFencedPages runs each routine on slices at both edges of readable
// memory, where touching anything outside them crashes.
func TestFencedPages(t *testing.T) {
	pages := make([][]float32, 6)
	for i := range pages {
		pages[i] = fencedPage(t)
	}
	eachImplementation(t, func(t *testing.T) {
		forEachRoutine(t, func(t *testing.T, r routine) {
			low, high := make([][]float32, len(r.roles)), make([][]float32, len(r.roles))
			for n := range longest + 1 {
				for i := range r.roles {
					length := r.length(i, n)
					low[i] = pages[i][:length]
					high[i] = pages[i][len(pages[i])-length:]
				}
				r.call(low, nil)
				r.call(high, nil)
			}
		})
	})
}
