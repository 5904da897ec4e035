package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A save is a folder DIR/save-000123, numbered from 1. The one with the highest
// number is the newest.
const (
	savePrefix  = "save-"
	saveTemp    = "save.tmp" // one that is being written
	asideSuffix = ".damaged"
)

func saveName(number int) string { return fmt.Sprintf("%s%06d", savePrefix, number) }

func (t *trainer) saveDir(number int) string { return filepath.Join(t.out, saveName(number)) }

// listSaves are the numbers of a folder's saves, the newest first.
func listSaves(out string) ([]int, error) {
	entries, err := os.ReadDir(out)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		digits, _ := strings.CutPrefix(e.Name(), savePrefix)
		if n, err := strconv.Atoi(digits); err == nil && saveName(n) == e.Name() {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	slices.Reverse(numbers)
	return numbers, nil
}

// saved is a save that a run can go on from.
type saved struct {
	dir     string
	number  int
	damaged []string // newer ones, and
	faults  error    // what is wrong with them
}

// findSaved finds the newest save in a run's folder that is undamaged.
func findSaved(out string) (*saved, error) {
	numbers, err := listSaves(out)
	if err != nil {
		return nil, fmt.Errorf("no run to go on with: %w", err)
	}
	if len(numbers) == 0 {
		return nil, fmt.Errorf("no run to go on with in %s: it has no save", out)
	}
	var s saved
	for _, n := range numbers {
		s.dir, s.number = filepath.Join(out, saveName(n)), n
		err := verify(s.dir)
		if err == nil {
			return &s, nil
		}
		s.damaged, s.faults = append(s.damaged, s.dir), errors.Join(s.faults, err)
	}
	return nil, fmt.Errorf("no run to go on with in %s: %w", out, s.faults)
}

// setAside takes damaged saves out of the way, so that they do not count among
// those that are kept.
func (s *saved) setAside() error {
	for _, dir := range s.damaged {
		if err := errors.Join(os.RemoveAll(dir+asideSuffix), os.Rename(dir, dir+asideSuffix)); err != nil {
			return fmt.Errorf("setting a damaged save aside: %w", err)
		}
	}
	return nil
}

// publish gives the folder temp the next save's name, and removes the saves that
// are too old to be kept.
func (t *trainer) publish(temp string) error {
	if err := os.Rename(temp, t.saveDir(t.saves+1)); err != nil {
		return err
	}
	t.saves++
	syncFolder(t.out)
	numbers, err := listSaves(t.out)
	if err != nil {
		return err
	}
	for _, n := range numbers[min(t.keep, len(numbers)):] {
		if err := os.RemoveAll(t.saveDir(n)); err != nil {
			return err
		}
	}
	return nil
}

// syncFolder puts the new names on the disk where the system can; the renames
// have happened either way.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		f.Sync()
		f.Close()
	}
}

// verify compares a save with its checksums.
func verify(dir string) error {
	want, err := os.ReadFile(filepath.Join(dir, sumsFile))
	var got []byte
	if err == nil {
		got, err = checksums(dir)
	}
	if err != nil {
		return fmt.Errorf("%s is damaged: %w", dir, err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s is damaged: the files are not those of %s", dir, sumsFile)
	}
	return nil
}

// checksums are the lines of SHA256SUMS for the files in a folder.
func checksums(dir string) ([]byte, error) {
	var out bytes.Buffer
	for _, name := range slices.Concat(savedFiles, optionalFiles) {
		sum, err := checksum(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) && slices.Contains(optionalFiles, name) {
			continue
		}
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%s  %s\n", sum, name)
	}
	return out.Bytes(), nil
}

// checksum is the SHA-256 of a file.
func checksum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
