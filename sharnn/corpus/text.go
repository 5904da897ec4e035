package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultLimit is the size in bytes of the largest text Open reads: 4 GiB.
const DefaultLimit int64 = 4 << 30

// sniffLen is how many leading bytes decide whether a file is binary.
const sniffLen = 8 << 10

var (
	// ErrEmpty says that there was nothing to read.
	ErrEmpty = errors.New("no text")

	// ErrTooLarge says that a text is larger than the limit it was read under.
	ErrTooLarge = errors.New("text too large")
)

// Text is a text read into memory.
type Text struct {
	Name   string // where it came from, for people
	Bytes  []byte
	Files  int // files or archive members joined in Bytes
	Binary int // files or archive members left out because they look binary
}

// Open reads the text at path, at most [DefaultLimit] bytes of it.
//
// A file whose name ends in .gz or .zip is unpacked. Any other file, or a named
// pipe, is taken as it is, and so is what a .gz unpacks to: any bytes will do.
// The files of a folder, read recursively, and the members of a zip are joined
// with nothing between them, in the byte order of their slash-separated paths.
//
// In folders and zips these are left out: names beginning with a dot and all
// below them, empty files, and binary files, which are those with a zero byte
// among the first 8 KiB. That leaves out archives inside a folder. Symbolic
// links in a folder are followed to files and not to folders. A file that
// cannot be read is an error, never left out.
//
// The error is [ErrEmpty] where nothing is left to read and [ErrTooLarge] above
// the limit.
func Open(path string) (*Text, error) {
	return OpenLimit(path, DefaultLimit)
}

// OpenLimit is [Open] with a limit in bytes on the whole text, unpacked.
func OpenLimit(path string, limit int64) (*Text, error) {
	j := joiner{limit: limit}
	err := j.addPath(path)
	if err == nil {
		err = j.checkEmpty()
	}
	if err != nil {
		return nil, fmt.Errorf("reading text from %s: %w", path, err)
	}
	return &Text{Name: path, Bytes: j.buf, Files: j.files, Binary: j.binary}, nil
}

// joiner appends files to one buffer and stops at a limit.
type joiner struct {
	buf    []byte
	limit  int64
	files  int
	binary int
}

func (j *joiner) addPath(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return j.addFolder(path)
	}
	if !info.Mode().IsRegular() && info.Mode()&fs.ModeNamedPipe == 0 {
		return errors.New("neither a file nor a folder nor a pipe")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	switch strings.ToLower(filepath.Ext(path)) {
	case ".gz":
		return j.addGzip(f)
	case ".zip":
		return j.addZip(f, info.Size())
	}
	return j.add(f, info.Size(), false)
}

func (j *joiner) addFolder(root string) error {
	names, err := listFiles(root, func(name string, _ fs.DirEntry) bool { return !hidden(name) })
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := j.addFolderFile(filepath.Join(root, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

func (j *joiner) addFolderFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return j.add(f, info.Size(), true)
}

// add appends all of r. It makes room for size bytes at once, so size must be
// one that r's input justifies, or 0 if it is not known. With dropBinary, binary
// content is counted and left out.
func (j *joiner) add(r io.Reader, size int64, dropBinary bool) error {
	start := len(j.buf)
	err := j.read(r, min(sniffLen, j.room()))
	if dropBinary && bytes.IndexByte(j.buf[start:], 0) >= 0 {
		j.buf = j.buf[:start]
		j.binary++
		return nil
	}
	if err == nil && size <= j.limit-int64(start) {
		// The byte more finds the end of r without growing again.
		rest := size - int64(len(j.buf)-start) + 1
		j.buf = slices.Grow(j.buf, int(max(rest, 0)))
		err = j.read(r, j.room())
	}
	switch {
	case err == nil:
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, j.limit)
	case err != io.EOF:
		return err
	}
	if len(j.buf) > start {
		j.files++
	}
	return nil
}

// room is how many bytes may still be read: up to one more than the limit, so
// that a text of just the limit is seen to end.
func (j *joiner) room() int64 { return j.limit + 1 - int64(len(j.buf)) }

// read appends up to n bytes of r. It returns nil if there were as many, and
// io.EOF if r ended before.
func (j *joiner) read(r io.Reader, n int64) error {
	for n > 0 {
		if len(j.buf) == cap(j.buf) {
			j.buf = slices.Grow(j.buf, int(min(n, sniffLen)))
		}
		free := j.buf[len(j.buf):cap(j.buf)]
		m, err := r.Read(free[:min(n, int64(len(free)))])
		j.buf = j.buf[:len(j.buf)+m]
		n -= int64(m)
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *joiner) checkEmpty() error {
	switch {
	case len(j.buf) > 0:
		return nil
	case j.binary > 0:
		return fmt.Errorf("%w: %d binary files left out, nothing else to read", ErrEmpty, j.binary)
	}
	return fmt.Errorf("%w: nothing to read", ErrEmpty)
}

// listFiles returns the slash-separated names, below the folder root, of its
// regular files and of links to such, in byte order. It leaves out, with all
// below it, what keep refuses.
func listFiles(root string, keep func(name string, d fs.DirEntry) bool) ([]string, error) {
	root, err := filepath.EvalSymlinks(root) // WalkDir does not enter a link
	if err != nil {
		return nil, err
	}
	var names []string
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if !keep(name, d) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		mode := d.Type()
		if mode&fs.ModeSymlink != 0 {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			mode = info.Mode()
		}
		if mode.IsRegular() {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// hidden reports whether an element of the slash-separated name begins with a
// dot and is more than a step in the path.
func hidden(name string) bool {
	for elem := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(elem, ".") && elem != "." && elem != ".." {
			return true
		}
	}
	return false
}
