package cpu

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
	"github.com/tiller-ml/tiller/tensor"
)

// The rows of a for which a prepared factor of a x is the faster one. Fewer are
// bound by reading x, which packing does not shorten; for more, packing costs
// next to nothing.
const (
	preparedLeast = 5
	preparedMost  = 64
)

// prepared are factors packed once for all products to come.
type prepared struct {
	count atomic.Int64 // entries of packs, read without the lock
	mu    sync.RWMutex
	packs map[place]*gemm.Packed
}

// place is where a factor lies, and how.
type place struct {
	start              *float32
	rows, cols, rs, cs int
}

func placeOf(m matrix[float32]) place {
	return place{unsafe.SliceData(m.data), m.rows, m.cols, m.rs, m.cs}
}

// Prepare packs w, a matrix, until its buffer is written or freed. It does
// nothing for other dtypes than float32.
func (b *Backend) Prepare(w *tensor.Tensor) {
	if w.DType != tensor.Float32 || len(w.Shape) != 2 || w.Len() == 0 {
		return
	}
	m := lastTwo[float32](w)
	packed := gemm.Pack(b.pool, panel(m))
	b.prepared.mu.Lock()
	defer b.prepared.mu.Unlock()
	if b.prepared.packs == nil {
		b.prepared.packs = map[place]*gemm.Packed{}
	}
	b.prepared.packs[placeOf(m)] = packed
	b.prepared.count.Store(int64(len(b.prepared.packs)))
}

// find is the packed form of x, or nil.
func (p *prepared) find(x matrix[float32]) *gemm.Packed {
	if p.count.Load() == 0 {
		return nil
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.packs[placeOf(x)]
}

// mul is c = a x + beta c where x is prepared and that pays; else it tells false.
func (p *prepared) mul(workers *pool.Pool, c, a, x matrix[float32], beta float32) bool {
	if c.rows < preparedLeast || c.rows > preparedMost {
		return false
	}
	packed := p.find(x)
	if packed != nil {
		packed.Mul(workers, panel(c), panel(a), beta)
	}
	return packed != nil
}

// writes drops what is prepared of the buffers that a kernel is about to write.
func (b *Backend) writes(ts ...*tensor.Tensor) {
	if b.prepared.count.Load() == 0 {
		return
	}
	for _, t := range ts {
		if t != nil {
			b.prepared.drop(storage(t))
		}
	}
}

// drop forgets what lies in mem.
func (p *prepared) drop(mem []byte) {
	lo := uintptr(unsafe.Pointer(unsafe.SliceData(mem)))
	p.mu.Lock()
	defer p.mu.Unlock()
	for at := range p.packs {
		if start := uintptr(unsafe.Pointer(at.start)); start-lo < uintptr(len(mem)) {
			delete(p.packs, at)
		}
	}
	p.count.Store(int64(len(p.packs)))
}
