//go:build cgo && linux

package cublas

import (
	"fmt"
	"math/bits"

	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

// buffer is one tensor's storage. A header is never used again after Free, so a
// stale one is found out even when its memory has a new owner.
type buffer struct {
	owner    *Backend
	at       cuda.Ptr
	bytes, n int
	freed    bool
	attached scratch   // what a kernel keeps as long as this buffer lives
	lstm     lstmRoute // of the forward pass whose gates these are
}

func (s *buffer) Len() int { return s.n }

// Alloc returns a buffer of n elements with undefined values.
func (b *Backend) Alloc(dtype tensor.DType, n int) (tensor.Buffer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fault != nil {
		return nil, b.fault
	}
	hi, bytes := bits.Mul(uint(n/dtype.Block()), uint(dtype.Size()))
	if hi != 0 || bytes > 1<<46 {
		return nil, fmt.Errorf("%d elements of %v do not fit in memory", n, dtype)
	}
	s := &buffer{owner: b, n: n, bytes: int(bytes)}
	if n == 0 {
		return s, nil
	}
	at, err := b.memory.get(s.bytes)
	if err != nil {
		return nil, err
	}
	s.at = at
	return s, nil
}

// Free gives a buffer back. A buffer of another backend, or one freed before,
// is a caller's mistake and panics.
func (b *Backend) Free(buf tensor.Buffer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := buf.(*buffer)
	if !ok || s.owner != b {
		panic(&tensor.Error{Op: "Free", Msg: "the buffer is not this backend's"})
	}
	if s.freed {
		panic(&tensor.Error{Op: "Free", Msg: "the buffer is freed already"})
	}
	s.freed = true
	b.release(s.attached)
	if s.n > 0 {
		b.check(b.memory.put(s.at, s.bytes))
	}
}

// LiveBytes is the number of bytes in buffers handed out and not yet freed.
func (b *Backend) LiveBytes() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(b.memory.live - workspaceBytes)
}

// PeakBytes is the most memory that the backend has taken from the driver since
// it was opened: what is in use, what is kept for the next tensors, and its own.
func (b *Backend) PeakBytes() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(b.memory.peak)
}

// storage is t's buffer.
func (b *Backend) storage(t *tensor.Tensor) *buffer {
	s, ok := t.Buf.(*buffer)
	if !ok || s.owner != b {
		tensor.Panicf("cublas", []*tensor.Tensor{t}, "the buffer is not this backend's")
	}
	if s.freed {
		tensor.Panicf("cublas", []*tensor.Tensor{t}, "the buffer is freed already")
	}
	return s
}

// at is where t's first element lies.
func (b *Backend) at(t *tensor.Tensor) cuda.Ptr {
	return b.storage(t).at + cuda.Ptr(t.DType.Bytes(t.Offset))
}

// scratch is working memory. The zero scratch is none.
type scratch struct {
	at    cuda.Ptr
	bytes int
}

// scratch takes working memory, which release gives back; the kernels queued
// before that may still use it. Where there is none it panics.
func (b *Backend) scratch(bytes int) scratch {
	if bytes == 0 {
		return scratch{}
	}
	at, err := b.memory.get(bytes)
	if err != nil {
		panic(&tensor.Error{Op: "working memory", Shapes: [][]int{{bytes}}, Err: err})
	}
	return scratch{at, bytes}
}

func (b *Backend) release(s scratch) {
	if s.bytes > 0 {
		b.check(b.memory.put(s.at, s.bytes))
	}
}

// view is a contiguous tensor over working memory.
func (b *Backend) view(s scratch, dtype tensor.DType, shape ...int) *tensor.Tensor {
	return tensor.New(&buffer{owner: b, at: s.at, bytes: s.bytes, n: dtype.Room(shape)}, dtype, shape...)
}
