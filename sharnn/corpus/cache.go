package corpus

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

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
// often in memory, or in the latter where nothing can be put in the former.
func scratch(fill func(w io.Writer) error) (data []byte, unmap func() error, err error) {
	f, err := createScratch()
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

func createScratch() (*os.File, error) {
	const pattern = "scratch-*"
	dir, err := CacheDir()
	if err == nil {
		err = os.MkdirAll(dir, 0o777)
	}
	if err == nil {
		if f, err := os.CreateTemp(dir, pattern); err == nil {
			return f, nil
		}
	}
	return os.CreateTemp("", pattern)
}

// readOnly tells whether err says that nothing can be written to a folder.
func readOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}
