package cpu

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.Mapper = (*Backend)(nil)

// align is the start of every storage in bytes: a cache line, and the widest
// vector register.
const align = 64

// slack is what the store may keep beyond the peak of use.
const slack = 64 << 20

type float interface{ float32 | float64 }

// number are the types that storage is looked at as: uint16 is bfloat16.
type number interface{ tensor.Elem | uint16 }

// buffer is one tensor's storage. A header is never used again after Free, so
// a stale one is found out even when its memory has a new owner.
type buffer struct {
	owner   *Backend
	mem     []byte
	n       int
	foreign bool // mem is not of the store
	freed   atomic.Bool
}

func (s *buffer) Len() int { return s.n }

// store keeps freed storages for the next of the same size class.
type store struct {
	mu     sync.Mutex
	limit  int64            // no more bytes than these in use at a time
	free   map[int][][]byte // by class
	used   map[int]uint64   // clock of a class's last use
	clock  uint64
	live   int64 // bytes asked for by Alloc and not freed
	inUse  int64 // bytes of storages handed out
	peak   int64 // the most that inUse has been
	pooled int64 // bytes of storages in free
}

// class rounds a number of bytes up to the size that is pooled: a multiple of
// the alignment with at most three significant bits, a quarter more at most.
func class(bytes int) int {
	unit := max(align, 1<<bits.Len(uint(bytes-1))>>3)
	return (bytes + unit - 1) / unit * unit
}

// get takes a storage of class(bytes) bytes out of the pool or makes one.
func (s *store) get(bytes int) ([]byte, error) {
	size := class(bytes)
	s.mu.Lock()
	if s.inUse+int64(size) > s.limit {
		s.mu.Unlock()
		return nil, fmt.Errorf("%d bytes would exceed the memory limit of %d", bytes, s.limit)
	}
	s.inUse += int64(size)
	s.peak = max(s.peak, s.inUse)
	s.clock++
	s.used[size] = s.clock
	if list := s.free[size]; len(list) > 0 {
		mem := list[len(list)-1]
		s.free[size] = list[:len(list)-1]
		s.pooled -= int64(size)
		s.mu.Unlock()
		return mem, nil
	}
	s.trim()
	s.mu.Unlock()
	raw := make([]byte, size+align)
	preferHuge(raw[:bytes]) // the rest is not used yet, and may never be
	skip := -int(addressOf(raw)) & (align - 1)
	return raw[skip : skip+size : skip+size], nil
}

// addressOf is where mem begins.
func addressOf(mem []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(mem))) }

// put takes a storage back.
func (s *store) put(mem []byte) {
	size := cap(mem)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inUse -= int64(size)
	if s.free == nil {
		return
	}
	s.pooled += int64(size)
	s.free[size] = append(s.free[size], mem[:size])
	s.trim()
}

// trim drops pooled storages, those of the class longest unused first, until
// the whole is within the peak of use and the slack.
func (s *store) trim() {
	for s.pooled > 0 && s.inUse+s.pooled > s.peak+s.peak/4+slack {
		oldest := 0
		for size, list := range s.free {
			if len(list) > 0 && (oldest == 0 || s.used[size] < s.used[oldest]) {
				oldest = size
			}
		}
		list := s.free[oldest]
		list[len(list)-1] = nil
		s.free[oldest] = list[:len(list)-1]
		s.pooled -= int64(oldest)
	}
}

// drop forgets everything pooled and pools no more.
func (s *store) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free, s.pooled = nil, 0
}

// Alloc returns a buffer of n elements, aligned to 64 bytes, with undefined
// values. It is an error to ask for more than GOMEMLIMIT leaves, or after Close.
func (b *Backend) Alloc(dtype tensor.DType, n int) (tensor.Buffer, error) {
	if b.closed.Load() {
		return nil, errors.New("cpu backend is closed")
	}
	hi, bytes := bits.Mul(uint(n/dtype.Block()), uint(dtype.Size()))
	if hi != 0 || bytes > 1<<46 {
		return nil, fmt.Errorf("%d elements of %v do not fit in memory", n, dtype)
	}
	s := &buffer{owner: b, n: n}
	if n == 0 {
		return s, nil
	}
	mem, err := b.store.get(int(bytes))
	if err != nil {
		return nil, err
	}
	s.mem = mem[:bytes]
	b.store.count(int64(bytes))
	return s, nil
}

// Map is a buffer over mem: see [backend.Mapper].
func (b *Backend) Map(dtype tensor.DType, mem []byte) (tensor.Buffer, bool) {
	unit := dtype.Size()
	if dtype == tensor.Int8 {
		unit = 4 // a block's scale
	}
	if addressOf(mem)%uintptr(unit) != 0 {
		return nil, false
	}
	return &buffer{owner: b, mem: mem[:len(mem):len(mem)], n: len(mem) / dtype.Size() * dtype.Block(), foreign: true}, true
}

// Free gives a buffer back. A buffer of another backend, or one freed before,
// is a caller's mistake and panics.
func (b *Backend) Free(buf tensor.Buffer) {
	s, ok := buf.(*buffer)
	if !ok || s.owner != b {
		panic(&tensor.Error{Op: "Free", Msg: "the buffer is not this backend's"})
	}
	if s.freed.Swap(true) {
		panic(&tensor.Error{Op: "Free", Msg: "the buffer is freed already"})
	}
	if s.n == 0 {
		return
	}
	if b.prepared.count.Load() > 0 {
		b.prepared.drop(s.mem)
	}
	if !s.foreign {
		b.store.count(-int64(len(s.mem)))
		b.store.put(s.mem)
	}
}

func (s *store) count(bytes int64) {
	s.mu.Lock()
	s.live += bytes
	s.mu.Unlock()
}

// LiveBytes is the number of bytes in buffers handed out and not yet freed.
func (b *Backend) LiveBytes() int64 {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	return b.store.live
}

// slice is the elements of t's buffer from t.Offset on, without a copy.
func slice[T tensor.Elem](t *tensor.Tensor) []T { return elements[T](t) }

// elements is slice for bfloat16, too.
func elements[T number](t *tensor.Tensor) []T {
	all := cast[T](storage(t))
	return all[min(t.Offset, len(all)):]
}

// storage is all bytes of t's buffer.
func storage(t *tensor.Tensor) []byte {
	s, ok := t.Buf.(*buffer)
	if !ok {
		tensor.Panicf("cpu", []*tensor.Tensor{t}, "the buffer is not this backend's")
	}
	if s.freed.Load() {
		tensor.Panicf("cpu", []*tensor.Tensor{t}, "the buffer is freed already")
	}
	return s.mem
}

// cast looks at bytes as elements.
func cast[T number](mem []byte) []T {
	size := int(unsafe.Sizeof(*new(T)))
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(mem))), cap(mem)/size)[:len(mem)/size]
}

// scratch is n elements of working memory with undefined values, from the pool.
// Tasks of a parallel region may call it. Its owner calls release.
func scratch[T number](b *Backend, n int) []T {
	if n == 0 {
		return nil
	}
	mem, err := b.store.get(n * int(unsafe.Sizeof(*new(T))))
	if err != nil {
		panic(&tensor.Error{Op: "scratch", Shapes: [][]int{{n}}, Err: err})
	}
	return cast[T](mem)[:n]
}

// release gives scratch memory back; s starts where scratch said.
func release[T number](b *Backend, s []T) {
	if cap(s) == 0 {
		return
	}
	bytes := cap(s) * int(unsafe.Sizeof(*new(T)))
	b.store.put(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), bytes))
}
