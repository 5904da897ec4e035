//go:build cgo && linux

package cublas

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

// Backend computes on one GPU.
type Backend struct {
	mu        sync.Mutex
	dev       *cuda.Device
	libraries []cuda.Library
	precision backend.Precision
	fault     error // the first
	closed    bool

	programs  programs
	memory    memory
	stage     stage
	workspace cuda.Ptr // cuBLAS's
	launch    cuda.Launch
	attention attentionLimits
	graphs    graphs
	lstms     lstms
}

func init() {
	backend.Register("cublas", func(c backend.Config) (backend.Backend, error) { return New(c) })
}

// New opens NVIDIA's libraries and a GPU. The caller closes the backend.
func New(c backend.Config) (*Backend, error) {
	driver, err := cuda.Host().Find()
	if err != nil {
		return nil, err
	}
	return start(driver, c)
}

// start opens a GPU of a driver.
func start(driver *cuda.Driver, c backend.Config) (*Backend, error) {
	n, err := driver.Devices()
	if err != nil {
		return nil, err
	}
	if c.Device < 0 || c.Device >= n {
		return nil, fmt.Errorf("no GPU %d: there are %d, counted from 0", c.Device, n)
	}
	dev, err := driver.Open(c.Device)
	if err != nil {
		return nil, err
	}
	b := &Backend{dev: dev, libraries: driver.Libraries, precision: c.Precision, attention: usualAttention, lstms: usualLSTMs}
	b.programs.init(dev, b.leaveGraph)
	b.memory.init(dev, b.leaveGraph)
	if err := b.prepare(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// workspaceBytes is what NVIDIA recommends for Hopper, the hungriest.
const workspaceBytes = 32 << 20

// prepare takes the memory that the backend itself needs.
func (b *Backend) prepare() error {
	var err error
	if b.workspace, err = b.memory.get(workspaceBytes); err != nil {
		return err
	}
	if err := b.dev.Workspace(b.workspace, workspaceBytes); err != nil {
		return err
	}
	return b.stage.init(b.dev)
}

// Name is "cublas".
func (b *Backend) Name() string { return "cublas" }

// Device is what the backend computes on, in words.
func (b *Backend) Device() string {
	return fmt.Sprintf("%s (compute capability %d.%d, %d multiprocessors, %s)", b.dev.Name, b.dev.Major, b.dev.Minor, b.dev.SMs, size(b.dev.Total))
}

// Describe is the device, and a line for each library with its version and path.
func (b *Backend) Describe() string {
	lines := []string{b.Device()}
	for _, l := range b.libraries {
		lines = append(lines, strings.TrimSpace(l.Name+" "+l.Version)+": "+l.Path)
	}
	if !b.dev.CUDNN() {
		lines = append(lines, "libcudnn: none")
	}
	return strings.Join(lines, "\n")
}

// Sync waits for the kernels given so far and returns the first fault.
func (b *Backend) Sync() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sync()
}

func (b *Backend) sync() error {
	b.leaveGraph()
	if b.fault == nil {
		b.check(b.dev.Sync())
	}
	return b.fault
}

// check keeps a fault of the device.
func (b *Backend) check(err error) {
	if err != nil && b.fault == nil {
		b.fault = fmt.Errorf("%s: %w", b.dev.Name, err)
	}
}

// Close waits, gives the device's memory back and returns the first fault, or
// what went wrong in closing. Tensors cannot be read afterwards.
func (b *Backend) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	err := b.sync()
	b.closeGraphs()
	b.closeLSTMs()
	for _, e := range []error{b.stage.close(b.dev), b.memory.close(), b.programs.close(), b.dev.Close()} {
		if err == nil {
			err = e
		}
	}
	if b.fault == nil {
		b.fault = errors.New("cublas backend is closed")
	}
	return err
}

// Inner is bfloat16 for float32 operands where products are rounded to it.
func (b *Backend) Inner(operands tensor.DType) tensor.DType {
	if operands == tensor.Float32 && b.precision == backend.BF16 {
		return tensor.BFloat16
	}
	return operands
}

// size is a number of bytes in words.
func size(bytes int) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", bytes)
}
