package cpu

import (
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
	"github.com/tiller-ml/tiller/backend/cpu/internal/spare"
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// Backend computes on the processor.
type Backend struct {
	pool   *pool.Pool
	store  store
	loops  spare.List[loop.Loop]
	rows   sync.Pool // of *forwardRows of one type
	grads  sync.Pool // of *gradRows of one type
	closed atomic.Bool

	prepared prepared
}

var _ backend.Backend = (*Backend)(nil)

func init() {
	backend.Register("cpu", func(c backend.Config) (backend.Backend, error) { return New(c) })
	blas32.Use(NewBLAS(nil))
}

// New starts a backend with its own threads. Close stops them.
func New(c backend.Config) (*Backend, error) {
	threads := c.Threads
	if threads < 0 {
		return nil, errors.New("negative number of threads")
	}
	if c.Device != 0 {
		return nil, errors.New("there is one CPU, number 0")
	}
	if c.Precision != backend.Full {
		return nil, errors.New("it computes products of float32 in float32 alone; tf32 and bf16 are cublas's")
	}
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	limit := debug.SetMemoryLimit(-1)
	return &Backend{pool: pool.New(threads), store: store{limit: limit, free: map[int][][]byte{}, used: map[int]uint64{}}}, nil
}

// Name is "cpu".
func (b *Backend) Name() string { return "cpu" }

// Sync returns nil: kernels run to their end before they return.
func (b *Backend) Sync() error { return nil }

// Close stops the threads and drops the pooled memory. Tensors stay readable
// by who holds them; Alloc returns an error afterwards.
func (b *Backend) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	b.pool.Close()
	b.store.drop()
	return nil
}

// Write copies row-major elements in the host's byte order into dst.
func (b *Backend) Write(dst *tensor.Tensor, src []byte) error {
	b.Copy(dst, host("Write", dst, src))
	return nil
}

// Read copies the elements of src, row-major, into dst.
func (b *Backend) Read(dst []byte, src *tensor.Tensor) error {
	b.Copy(host("Read", src, dst), src)
	return nil
}

// host is a contiguous tensor like t over the caller's bytes.
func host(op string, t *tensor.Tensor, mem []byte) *tensor.Tensor {
	n := t.DType.Room(t.Shape)
	if len(mem) != t.DType.Bytes(n) {
		tensor.Panicf(op, []*tensor.Tensor{t}, "%d bytes for %d elements of %v", len(mem), n, t.DType)
	}
	return tensor.New(&buffer{mem: mem, n: n}, t.DType, t.Shape...)
}
