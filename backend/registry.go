package backend

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Config is what a backend is opened with.
type Config struct {
	Threads int // CPU threads; 0: as many as GOMAXPROCS
}

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
