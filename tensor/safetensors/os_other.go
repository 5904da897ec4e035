//go:build !unix

package safetensors

import "io"

// mapFile reads a file's bytes.
func mapFile(path string) (data []byte, unmap func() error, err error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data = make([]byte, size)
	_, err = io.ReadFull(f, data)
	return data, func() error { return nil }, err
}

// syncDir has nothing to do where folders cannot be synced.
func syncDir(string) error { return nil }
