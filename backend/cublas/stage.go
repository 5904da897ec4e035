//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

// stage is memory of the host through which copies go. What is written lies in a
// ring of parts; a part is used again when the device has read all of it. A graph
// is queued before the part that it reads is full.
type stage struct {
	mem   []byte
	parts [stageParts]cuda.Event
	part  int // the one that is being filled
	used  int // bytes of it
	back  []byte
}

const (
	stageParts = 4
	stagePart  = 2 << 20
)

func (s *stage) init(dev *cuda.Device) (err error) {
	if s.mem, err = dev.HostAlloc(stageParts * stagePart); err != nil {
		return err
	}
	if s.back, err = dev.HostAlloc(stagePart); err != nil {
		return err
	}
	for i := range s.parts {
		if s.parts[i], err = dev.NewEvent(false); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) close(dev *cuda.Device) error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	for _, e := range s.parts {
		if e != (cuda.Event{}) {
			keep(dev.FreeEvent(e))
		}
	}
	for _, mem := range [][]byte{s.mem, s.back} {
		if mem != nil {
			keep(dev.HostFree(mem))
		}
	}
	return first
}

// room is up to n bytes of the ring, at least one.
func (b *Backend) room(n int) []byte {
	s := &b.stage
	if s.used == stagePart {
		b.leaveGraph()
		b.check(b.dev.Record(s.parts[s.part]))
		s.part, s.used = (s.part+1)%stageParts, 0
		b.check(b.dev.Wait(s.parts[s.part]))
	}
	from := s.part*stagePart + s.used
	n = min(n, stagePart-s.used)
	s.used += (n + 15) &^ 15
	return s.mem[from : from+n]
}

// send queues a copy of src, which the caller may change at once.
func (b *Backend) send(dst cuda.Ptr, src []byte) {
	for len(src) > 0 && b.fault == nil {
		room := b.room(len(src))
		copy(room, src)
		b.check(b.dev.ToDevice(dst, room))
		dst += cuda.Ptr(len(room))
		src = src[len(room):]
	}
}

// receive waits for a copy.
func (b *Backend) receive(dst []byte, src cuda.Ptr) error {
	for len(dst) > 0 && b.fault == nil {
		back := b.stage.back[:min(len(dst), stagePart)]
		b.check(b.dev.ToHost(back, src))
		if b.sync() == nil {
			copy(dst, back)
		}
		dst = dst[len(back):]
		src += cuda.Ptr(len(back))
	}
	return b.fault
}

// Write copies row-major elements in the host's byte order into dst.
func (b *Backend) Write(dst *tensor.Tensor, src []byte) error {
	checkHost("Write", dst, src)
	b.mu.Lock()
	defer b.mu.Unlock()
	if dst.Contiguous() {
		b.send(b.at(dst), src)
		return b.fault
	}
	dense, mem := b.dense(dst)
	defer b.release(mem)
	b.send(mem.at, src)
	b.copy(dst, dense)
	return b.fault
}

// Read copies the elements of src, row-major, into dst.
func (b *Backend) Read(dst []byte, src *tensor.Tensor) error {
	checkHost("Read", src, dst)
	b.mu.Lock()
	defer b.mu.Unlock()
	if src.Contiguous() {
		return b.receive(dst, b.at(src))
	}
	dense, mem := b.dense(src)
	defer b.release(mem)
	b.copy(dense, src)
	return b.receive(dst, mem.at)
}

// dense is a contiguous tensor like t in working memory.
func (b *Backend) dense(t *tensor.Tensor) (*tensor.Tensor, scratch) {
	n := t.DType.Room(t.Shape)
	mem := b.scratch(t.DType.Bytes(n))
	return b.view(mem, t.DType, t.Shape...), mem
}

func checkHost(op string, t *tensor.Tensor, mem []byte) {
	n := t.DType.Room(t.Shape)
	if len(mem) != t.DType.Bytes(n) {
		tensor.Panicf(op, []*tensor.Tensor{t}, "%d bytes for %d elements of %v", len(mem), n, t.DType)
	}
}
