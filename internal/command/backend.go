package command

import "github.com/tiller-ml/tiller/backend"

// Backend is the machine that a program computes on. The program imports the
// packages of the backends it offers.
type Backend struct {
	Name      string
	Threads   int
	Device    int
	Precision backend.Precision // not a flag of its own: see sharnn/train's -dtype
}

// Flags adds -backend and -threads in a group of their own.
func (b *Backend) Flags(f *Flags) {
	if b.Name == "" {
		b.Name = "cpu"
	}
	g := f.Group("Machine")
	g.Add(&b.Name, "backend", "the `name` of the backend that computes; cpu is on every machine, cublas computes on an NVIDIA GPU")
	g.Add(&b.Threads, "threads", "threads of the CPU backend; 0 takes all cores (GOMAXPROCS). Results do not depend on it")
	g.Add(&b.Device, "device", "which `GPU` the cublas backend computes on, counted from 0")
}

// Open starts the backend. The caller closes it.
func (b *Backend) Open() (backend.Backend, error) {
	return backend.Open(b.Name, backend.Config{Threads: b.Threads, Device: b.Device, Precision: b.Precision})
}
