package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/tiller-ml/tiller/sharnn"
)

// place makes the folder dir of the files that fill puts in an empty one, or adds
// these to it, replacing those of the same names, if it is there. Nothing changes
// before all are whole; of a model the description comes last, without which the
// others are none.
func place(ctx context.Context, dir string, fill func(temp string) error) (err error) {
	dir = filepath.Clean(dir)
	_, err = os.Stat(dir)
	there, parent := err == nil, filepath.Dir(dir)
	if there {
		parent = dir // which may lie on another disk than the folder above it
	}
	temp := filepath.Join(parent, ".convert."+rand.Text()+".tmp")
	if err := os.MkdirAll(temp, 0o777); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	if err := errors.Join(fill(temp), ctx.Err()); err != nil {
		return err
	}
	if !there {
		return os.Rename(temp, dir)
	}
	return moveAll(temp, dir)
}

// moveAll moves files from one folder to another, a model's description last, and
// takes the old one away first, so that no description is beside another's numbers.
func moveAll(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	describes := func(e os.DirEntry) bool { return e.Name() == sharnn.ConfigFile }
	if i := slices.IndexFunc(entries, describes); i >= 0 {
		entries = append(slices.Delete(slices.Clone(entries), i, i+1), entries[i])
		if err := os.Remove(filepath.Join(to, sharnn.ConfigFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
