//go:build cgo && linux

package cublas

import (
	"fmt"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
)

var _ backend.Grapher = (*Backend)(nil)

// graphs are what the device has run as one piece of work, to be run again with
// other arguments. The forms are those of the calls that made them.
type graphs struct {
	used      bool // Graph has been called
	capturing bool
	known     map[uint64]*executable // by form
	products  map[productForm]bool   // that cuBLAS has computed before
	clock     uint64
}

type executable struct {
	x    cuda.Executable
	used uint64 // clock of the last use
}

// mostGraphs are kept: the passes of a few models, each with some attributes.
const mostGraphs = 16

// Graph runs f while the device's stream is captured, and queues what it asked
// for as a graph. Work that cannot be captured, as when a kernel is run for the
// first time, ends the capture: what was captured is queued, and the rest of f
// runs as it does without Graph. That is also so where f, or another goroutine
// meanwhile, reads or waits. A panic of f's leaves queued what it had asked for.
func (b *Backend) Graph(f func()) {
	if b.enterGraph() {
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.leaveGraph()
		}()
	}
	f()
}

// enterGraph begins to capture, and tells whether it did. Within another Graph
// it does not.
func (b *Backend) enterGraph() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fault != nil || b.graphs.capturing {
		return false
	}
	b.graphs.used = true
	// Where there is no capturing f runs all the same.
	b.graphs.capturing = b.dev.Capture() == nil
	return b.graphs.capturing
}

// leaveGraph ends a capture, if there is one, and queues what was captured.
// Whoever waits for the device, gives memory back to the driver or loads a kernel
// calls it before.
func (b *Backend) leaveGraph() {
	if !b.graphs.capturing {
		return
	}
	b.graphs.capturing = false
	graph, err := b.dev.Captured()
	if err != nil {
		b.check(fmt.Errorf("capturing a graph: %w", err))
		return
	}
	defer b.dev.Drop(graph)
	if b.fault != nil {
		return
	}
	x, err := b.executable(graph)
	if err == nil {
		err = b.dev.Run(x)
	}
	if err != nil {
		b.check(fmt.Errorf("running a graph: %w", err))
	}
}

// executable is one that runs graph: a known one of its form with new arguments,
// or a new one.
func (b *Backend) executable(graph cuda.Graph) (cuda.Executable, error) {
	g := &b.graphs
	g.clock++
	form := b.dev.Form()
	if e := g.known[form]; e != nil {
		if b.dev.Update(e.x, graph) {
			e.used = g.clock
			return e.x, nil
		}
		b.forget(form)
	}
	for len(g.known) >= mostGraphs {
		b.forgetOldest()
	}
	x, err := b.dev.Instantiate(graph)
	for err != nil && len(g.known) > 0 { // they take memory
		b.forgetOldest()
		x, err = b.dev.Instantiate(graph)
	}
	if err != nil {
		return x, err
	}
	if g.known == nil {
		g.known = make(map[uint64]*executable)
	}
	g.known[form] = &executable{x, g.clock}
	return x, nil
}

// forget destroys an executable, which the device may still be running.
func (b *Backend) forget(form uint64) {
	b.check(b.dev.Sync())
	b.dev.FreeExecutable(b.graphs.known[form].x)
	delete(b.graphs.known, form)
}

func (b *Backend) forgetOldest() {
	var oldest uint64
	for form, e := range b.graphs.known {
		if o := b.graphs.known[oldest]; o == nil || e.used < o.used {
			oldest = form
		}
	}
	b.forget(oldest)
}

// closeGraphs destroys all executables.
func (b *Backend) closeGraphs() {
	for _, e := range b.graphs.known {
		b.dev.FreeExecutable(e.x)
	}
	b.graphs.known = nil
}

// productForm is what cuBLAS chooses a kernel by.
type productForm struct {
	m, n, k, batch int
	x, a, c        cuda.Matrix
	compute        cuda.Compute
}

// beforeProduct ends a capture before the first product of a form since graphs
// are made: cuBLAS may load a kernel for it.
func (b *Backend) beforeProduct(f productForm) {
	g := &b.graphs
	if !g.used {
		return
	}
	for _, m := range []*cuda.Matrix{&f.x, &f.a, &f.c} {
		m.At %= 16 // kernels differ by how places are aligned
	}
	if g.products[f] {
		return
	}
	b.leaveGraph()
	if g.products == nil {
		g.products = make(map[productForm]bool)
	}
	g.products[f] = true
}
