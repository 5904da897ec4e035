package corpus

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tiller-ml/tiller/internal/mapped"
)

// CacheDir is where texts that were downloaded and texts that were encoded are
// kept: the folder tiller in the user's cache folder ([os.UserCacheDir]). All of
// it may be deleted, and is then made again.
func CacheDir() (string, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the user's cache folder: %w", err)
	}
	return filepath.Join(user, "tiller"), nil
}

// scratch maps a new file of what fill writes. The file has no name any more
// when scratch returns: its room is free again after unmap, or when the process
// ends. It lies in the cache folder, since the folder for temporary files is
// often in memory, or in the latter where there is no cache folder.
func scratch(fill func(w io.Writer) error) (data []byte, unmap func() error, err error) {
	dir, err := CacheDir()
	if err == nil {
		err = os.MkdirAll(dir, 0o777)
	}
	if err != nil {
		dir = os.TempDir()
	}
	f, err := os.CreateTemp(dir, "scratch-*")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	w := bufio.NewWriterSize(f, 1<<18)
	if err := errors.Join(fill(w), w.Flush(), f.Close()); err != nil {
		return nil, nil, err
	}
	return mapped.File(f.Name())
}
