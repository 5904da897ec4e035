package corpus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/internal/mapped"
)

// DefaultLimit is the most bytes that Open joins or unpacks: 64 GiB.
const DefaultLimit int64 = 64 << 30

// sniffLen is how many leading bytes decide whether a file is binary.
const sniffLen = 8 << 10

var (
	// ErrEmpty says that there was nothing to read.
	ErrEmpty = errors.New("no text")

	// ErrTooLarge says that a text is larger than the limit it was read under.
	ErrTooLarge = errors.New("text too large")
)

// Text is a text in a mapped file: its bytes are read from the disk as they are
// used, and leave memory when it is wanted for something else.
type Text struct {
	Name   string // where it came from, for people
	Bytes  []byte // not to be written to; they end with Close
	Files  int    // files or archive members joined in Bytes
	Binary int    // files or archive members left out because they look binary

	own   [3]int64 // bytes of its own training, validation and test files
	unmap func() error
}

// Close gives the text's bytes back. Nothing may look into them any more.
func (t *Text) Close() error { return t.unmap() }

// Open maps the text at path.
//
// A file whose name ends in .gz or .zip is unpacked. Any other file is taken as
// it is, and so is what a named pipe gives or a .gz unpacks to: any bytes will
// do. The files of a folder, read recursively, and the members of a zip are
// joined with nothing between them, in the byte order of their slash-separated
// paths. What is unpacked or joined goes to a file without a name on the disk
// (see [CacheDir]), at most [DefaultLimit] bytes of it.
//
// In folders and zips these are left out: names beginning with a dot and all
// below them, empty files, and binary files, which are those with a zero byte
// among the first 8 KiB. That leaves out archives inside a folder. Symbolic
// links in a folder are followed to files and not to folders. A file that
// cannot be read is an error, never left out.
//
// The error is [ErrEmpty] where nothing is left to read and [ErrTooLarge] above
// the limit. A file that is shortened while it is in use kills the process: that
// is what mapping costs.
func Open(ctx context.Context, path string, tell Progress) (*Text, error) {
	return opener{ctx, tell, DefaultLimit, false}.open(path)
}

// opener is how a text is opened: with own, of a folder or a zip that has files
// for training, validation and test these three alone are joined, in this order.
type opener struct {
	ctx   context.Context
	tell  Progress
	limit int64
	own   bool
}

func (o opener) open(path string) (*Text, error) {
	t, err := o.read(path)
	if err == nil {
		err = t.checkEmpty()
	}
	if err != nil {
		return nil, fmt.Errorf("reading text from %s: %w", path, err)
	}
	t.Name = path
	return t, nil
}

func (o opener) read(path string) (*Text, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	ext := strings.ToLower(filepath.Ext(path))
	switch {
	case info.IsDir():
		return o.join("joining files", func(j *joiner) error { return j.addFolder(path) })
	case !info.Mode().IsRegular() && info.Mode()&fs.ModeNamedPipe == 0:
		return nil, errors.New("neither a file nor a folder nor a pipe")
	case info.Mode().IsRegular() && ext != ".gz" && ext != ".zip":
		data, unmap, err := mapped.File(path)
		return &Text{Bytes: data, Files: 1, unmap: unmap}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	switch ext {
	case ".gz":
		return o.join("unpacking", func(j *joiner) error { return j.addGzip(f) })
	case ".zip":
		return o.join("unpacking", func(j *joiner) error { return j.addZip(f, info.Size()) })
	}
	return o.join("reading", func(j *joiner) error { return j.add(f, false) })
}

// join maps what add joins.
func (o opener) join(what string, add func(*joiner) error) (*Text, error) {
	j := &joiner{limit: o.limit, own: o.own}
	data, unmap, err := scratch(func(w io.Writer) error {
		j.out = &meter{ctx: o.ctx, w: w, tell: o.tell, what: what}
		return add(j)
	})
	if err != nil {
		return nil, err
	}
	return &Text{Bytes: data, Files: j.files, Binary: j.binary, own: j.sizes, unmap: unmap}, nil
}

func (t *Text) checkEmpty() error {
	switch {
	case len(t.Bytes) > 0:
		return nil
	case t.Binary > 0:
		return fmt.Errorf("%w: %d binary files left out, nothing else to read", ErrEmpty, t.Binary)
	}
	return fmt.Errorf("%w: nothing to read", ErrEmpty)
}

// joiner appends files to a writer and stops at a limit.
type joiner struct {
	out    io.Writer
	limit  int64
	own    bool
	size   int64 // bytes written
	files  int
	binary int
	sizes  [3]int64 // of its own training, validation and test files
	head   [sniffLen]byte
}

func (j *joiner) addFolder(root string) error {
	names, err := listFiles(root, func(name string, _ fs.DirEntry) bool { return !hidden(name) })
	if err != nil {
		return err
	}
	if trio, ok := ownFiles(names); ok && j.own {
		for i, name := range trio {
			before := j.size
			if err := j.addFile(filepath.Join(root, filepath.FromSlash(name)), false); err != nil {
				return err
			}
			j.sizes[i] = j.size - before
		}
		return nil
	}
	for _, name := range names {
		if err := j.addFile(filepath.Join(root, filepath.FromSlash(name)), true); err != nil {
			return err
		}
	}
	return nil
}

func (j *joiner) addFile(path string, dropBinary bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return j.add(f, dropBinary)
}

// add appends all of r. With dropBinary, binary content is counted and left out.
func (j *joiner) add(r io.Reader, dropBinary bool) error {
	n, err := fill(r, j.head[:])
	if err != nil && err != io.EOF {
		return err
	}
	if dropBinary && bytes.IndexByte(j.head[:n], 0) >= 0 {
		j.binary++
		return nil
	}
	if n > 0 {
		j.files++
	}
	if _, werr := j.Write(j.head[:n]); werr != nil || err == io.EOF {
		return werr
	}
	_, err = io.CopyBuffer(writer{j}, reader{r}, make([]byte, 1<<16))
	return err
}

// Writers and readers without the shortcuts that io.Copy would take.
type (
	writer struct{ io.Writer }
	reader struct{ io.Reader }
)

// Write refuses what does not fit below the limit.
func (j *joiner) Write(p []byte) (int, error) {
	if int64(len(p)) > j.limit-j.size {
		return 0, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, j.limit)
	}
	n, err := j.out.Write(p)
	j.size += int64(n)
	return n, err
}

// fill reads until buf is full or r ends, which is [io.EOF] and no other error.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
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
