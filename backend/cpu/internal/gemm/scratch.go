package gemm

import (
	"unsafe"

	"github.com/tiller-ml/tiller/backend/cpu/internal/spare"
)

// A buffer is memory that begins on a cache line and grows on demand.
type buffer struct{ data []float32 }

// line is the number of float32 in a cache line.
const line = 16

// take returns n elements with any content, valid until the next take.
func (b *buffer) take(n int) []float32 {
	if cap(b.data) < n {
		b.data = aligned(n)
	}
	return b.data[:n]
}

// aligned returns n zeros that begin on a cache line.
func aligned(n int) []float32 {
	data := make([]float32, n+line)
	skip := -int(uintptr(unsafe.Pointer(&data[0]))/4) & (line - 1)
	return data[skip : skip+n : skip+n]
}

// A scratch is what one task needs: packed rows of a, a panel of b, and a
// register tile.
type scratch struct{ a, b, tile buffer }

var scratches spare.List[scratch]
