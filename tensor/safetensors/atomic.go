package safetensors

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// WriteAtomic makes a file of what write writes, or leaves things as they were.
// The bytes go to a temporary file in the same folder, which is synced and then
// takes path's place, the old file's permissions with it; the folder is synced
// last. Where anything before that fails, or write panics, the old file stays
// and the temporary one is removed.
func WriteAtomic(path string, write func(w io.Writer) error) error {
	if err := writeAtomic(path, write); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

func writeAtomic(path string, write func(w io.Writer) error) (err error) {
	dir, base := filepath.Split(path)
	temp := filepath.Join(dir, "."+base+"."+rand.Text()+".tmp")
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	renamed := false
	defer func() {
		if !renamed {
			err = errors.Join(err, os.Remove(temp))
		}
	}()
	if err := fill(f, path, write); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	renamed = true
	return syncDir(filepath.Clean(dir))
}

// fill writes, syncs and closes f, which is to replace the file at path.
func fill(f *os.File, path string, write func(w io.Writer) error) (err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	if old, err := os.Stat(path); err == nil {
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return err
		}
	}
	w := bufio.NewWriterSize(f, 1<<16)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Sync()
}
