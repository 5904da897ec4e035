//go:build unix

package mapped

import (
	"io"

	"golang.org/x/sys/unix"
)

// File maps a file's bytes, read-only. On a file system that cannot map it
// reads them.
func File(path string) (data []byte, unmap func() error, err error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if size == 0 {
		return nil, func() error { return nil }, nil
	}
	data, err = unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err == nil {
		return data, func() error { return unix.Munmap(data) }, nil
	}
	data = make([]byte, size)
	_, err = io.ReadFull(f, data)
	return data, func() error { return nil }, err
}
