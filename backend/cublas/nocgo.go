//go:build !cgo || !linux

package cublas

import (
	"errors"

	"github.com/tiller-ml/tiller/backend"
)

// ErrNoCgo is what New returns in a program that was built without cgo, or not
// for Linux.
var ErrNoCgo = errors.New("this program cannot open NVIDIA's libraries: it was built with CGO_ENABLED=0, or not for Linux; build it there with cgo and a C compiler")

func init() {
	backend.Register("cublas", New)
}

// New returns ErrNoCgo.
func New(backend.Config) (backend.Backend, error) { return nil, ErrNoCgo }
