//go:build cgo && linux

package cublas

import (
	"fmt"

	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/backend/cublas/kernels"
)

// kernel names a kernel: its file's name and its own. shared is the most dynamic
// shared memory that it is launched with, where that is above 48 KiB.
type kernel struct {
	file, name string
	shared     int
}

// programs are the kernels' files, compiled and loaded when one of their kernels
// is first launched.
type programs struct {
	dev       *cuda.Device
	cubins    *cuda.Cubins
	modules   map[string]cuda.Module
	functions map[kernel]cuda.Function
	before    func() // called before a kernel is loaded
}

func (p *programs) init(dev *cuda.Device, before func()) {
	p.dev, p.cubins, p.before = dev, dev.Cubins(), before
	p.modules, p.functions = map[string]cuda.Module{}, map[kernel]cuda.Function{}
}

func (p *programs) function(k kernel) (cuda.Function, error) {
	if f, ok := p.functions[k]; ok {
		return f, nil
	}
	p.before()
	m, err := p.module(k.file)
	if err != nil {
		return cuda.Function{}, fmt.Errorf("kernels/%s.cu: %w", k.file, err)
	}
	f, err := p.dev.Function(m, k.name, k.shared)
	if err != nil {
		return f, err
	}
	p.functions[k] = f
	return f, nil
}

func (p *programs) module(file string) (cuda.Module, error) {
	if m, ok := p.modules[file]; ok {
		return m, nil
	}
	source, err := kernels.Source(file)
	if err != nil {
		return cuda.Module{}, err
	}
	image, err := p.cubins.Load(file+".cu", source)
	if err != nil {
		return cuda.Module{}, err
	}
	m, err := p.dev.Load(image)
	if err == nil {
		p.modules[file] = m
	}
	return m, err
}

// close unloads the modules.
func (p *programs) close() error {
	var first error
	for _, m := range p.modules {
		if err := p.dev.Unload(m); first == nil {
			first = err
		}
	}
	return first
}

// begin begins a launch, whose arguments follow; run queues it.
func (b *Backend) begin(k kernel, blocks, threads, shared int) *cuda.Launch {
	var f cuda.Function
	if b.fault == nil {
		var err error
		f, err = b.programs.function(k)
		b.check(err)
	}
	return b.launch.Reset(f, blocks, threads, shared)
}

// run queues what begin began.
func (b *Backend) run(k kernel, l *cuda.Launch) {
	if b.fault != nil {
		return
	}
	if err := b.dev.Launch(l); err != nil {
		b.check(fmt.Errorf("kernel %s: %w", k.name, err))
	}
}

const threads = 256 // of a block, where a kernel has no reason for another number

// spread is how many blocks of threads walk over n elements, each thread over
// several where there are many.
func (b *Backend) spread(n int) int {
	return max(1, min((n+threads-1)/threads, 16*b.dev.SMs))
}
