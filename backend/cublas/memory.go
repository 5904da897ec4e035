//go:build cgo && linux

package cublas

import (
	"fmt"
	"math/bits"

	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
)

// align is the start of every storage in bytes: the widest load of a warp.
const align = 512

// memory keeps freed storages of the device for the next of the same size class.
// A storage that a queued kernel still uses may be handed out again, since what
// its new owner does is queued behind.
type memory struct {
	dev    *cuda.Device
	before func()             // called before the driver is asked for memory, or given any back
	free   map[int][]cuda.Ptr // by class
	used   map[int]uint64     // clock of a class's last use
	clock  uint64
	all    map[cuda.Ptr]struct{} // what the driver gave
	strict bool                  // sizes are as asked and nothing is kept, so that a simulator sees all misuse

	live   int // bytes asked for and not given back
	inUse  int // bytes of storages handed out
	pooled int // bytes of storages in free
	peak   int // the most that the driver has given: inUse and pooled
}

func (m *memory) init(dev *cuda.Device, before func()) {
	m.dev, m.before = dev, before
	m.free, m.used, m.all = map[int][]cuda.Ptr{}, map[int]uint64{}, map[cuda.Ptr]struct{}{}
}

// OutOfMemory is what the device has not enough memory for.
type OutOfMemory struct {
	Asked  int // bytes
	Held   int // by tensors and working memory
	Free   int // what the driver had left, after the cache was given back
	Total  int
	Device string
}

func (e *OutOfMemory) Error() string {
	return fmt.Sprintf("%s has no memory for %s more: %s are in use by tensors and %s of its %s are free; "+
		"a smaller batch (-batch_size), shorter segments (-bptt) or bfloat16 activations (-dtype bf16) need less",
		e.Device, size(e.Asked), size(e.Held), size(e.Free), size(e.Total))
}

// class rounds a number of bytes up to the size that is pooled: a multiple of
// the alignment with at most three significant bits, a quarter more at most.
func (m *memory) class(bytes int) int {
	if m.strict {
		return bytes
	}
	unit := max(align, 1<<bits.Len(uint(bytes-1))>>3)
	return (bytes + unit - 1) / unit * unit
}

// get takes a storage of at least so many bytes, more than none.
func (m *memory) get(bytes int) (cuda.Ptr, error) {
	c := m.class(bytes)
	m.clock++
	m.used[c] = m.clock
	p, err := m.take(c)
	if err != nil {
		return 0, err
	}
	m.live += bytes
	m.inUse += c
	m.peak = max(m.peak, m.inUse+m.pooled)
	return p, nil
}

func (m *memory) take(c int) (cuda.Ptr, error) {
	if list := m.free[c]; len(list) > 0 {
		p := list[len(list)-1]
		m.free[c] = list[:len(list)-1]
		m.pooled -= c
		return p, nil
	}
	p, err := m.alloc(c)
	if !cuda.Is(err, cuda.OutOfMemory) {
		return p, err
	}
	// The classes that were not used for longest go first.
	for m.pooled > 0 {
		if err := m.evict(); err != nil {
			return 0, err
		}
		if p, err = m.alloc(c); !cuda.Is(err, cuda.OutOfMemory) {
			return p, err
		}
	}
	return 0, m.exhausted(c)
}

// alloc takes a storage from the driver.
func (m *memory) alloc(c int) (cuda.Ptr, error) {
	m.before()
	p, err := m.dev.Alloc(c)
	if err == nil {
		m.all[p] = struct{}{}
	}
	return p, err
}

func (m *memory) exhausted(asked int) error {
	free, total, err := m.dev.Memory()
	if err != nil {
		return err
	}
	return &OutOfMemory{Asked: asked, Held: m.inUse, Free: free, Total: total, Device: m.dev.Name}
}

// evict gives the storages of one class back to the driver.
func (m *memory) evict() error {
	oldest := 0
	for c, list := range m.free {
		if len(list) > 0 && (oldest == 0 || m.used[c] < m.used[oldest]) {
			oldest = c
		}
	}
	for _, p := range m.free[oldest] {
		m.pooled -= oldest
		delete(m.all, p)
		if err := m.dev.Free(p); err != nil {
			return err
		}
	}
	delete(m.free, oldest)
	return nil
}

// put takes back what get(bytes) gave.
func (m *memory) put(p cuda.Ptr, bytes int) error {
	c := m.class(bytes)
	m.live -= bytes
	m.inUse -= c
	m.pooled += c
	m.free[c] = append(m.free[c], p)
	if m.strict {
		return m.evict()
	}
	return nil
}

// close gives everything back to the driver, what is in use too.
func (m *memory) close() error {
	var first error
	for p := range m.all {
		if err := m.dev.Free(p); first == nil {
			first = err
		}
	}
	m.all = nil
	return first
}
