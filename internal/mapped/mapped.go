// Package mapped gives the bytes of a file without a copy, where the system can.
//
// The bytes are read-only and end with unmap. A file may be replaced while it is
// mapped, but not shortened. Only regular files can be mapped; every failure is
// returned.
package mapped

import (
	"errors"
	"fmt"
	"math"
	"os"
)

// openRegular opens a file that has a length, and tells it.
func openRegular(path string) (*os.File, int, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = errors.New("not a regular file")
	case info.Size() > math.MaxInt:
		err = fmt.Errorf("%d bytes do not fit in memory", info.Size())
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, int(info.Size()), nil
}
