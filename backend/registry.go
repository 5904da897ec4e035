package backend

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Config is what a backend is opened with. A backend that lacks what it asks for
// returns an error.
type Config struct {
	Threads   int       // CPU threads; 0: as many as GOMAXPROCS
	Device    int       // which GPU, counted from 0
	Precision Precision // of products of float32
}

// Precision is what products of float32 tensors are computed in. Sums are
// float32 in each, and so are norms, softmax, what passes from layer to layer,
// weights and optimizers' state.
type Precision uint8

// The precisions. With BF16 what layers keep of their inner activations for the
// backward pass is bfloat16, too: see [Inner].
const (
	Full Precision = iota // float32
	TF32                  // factors are rounded to 10 bits where the device has such products
	BF16                  // factors are rounded to bfloat16
)

var registry = struct {
	sync.Mutex
	open map[string]func(Config) (Backend, error)
}{open: map[string]func(Config) (Backend, error){}}

// Register makes a backend known by name. Packages of backends call it from
// init; a second registration of a name panics.
func Register(name string, open func(Config) (Backend, error)) {
	registry.Lock()
	defer registry.Unlock()
	if registry.open[name] != nil {
		panic("backend: " + name + " registered twice")
	}
	registry.open[name] = open
}

// Names are the registered backends in alphabetical order.
func Names() []string {
	registry.Lock()
	defer registry.Unlock()
	names := make([]string, 0, len(registry.open))
	for name := range registry.open {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Open starts the backend of that name. The caller closes it.
func Open(name string, c Config) (Backend, error) {
	registry.Lock()
	open := registry.open[name]
	registry.Unlock()
	if open == nil {
		return nil, fmt.Errorf("unknown backend %q: this program has %s", name, strings.Join(Names(), ", "))
	}
	b, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("opening backend %s: %w", name, err)
	}
	return b, nil
}
