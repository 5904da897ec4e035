package safetensors

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/tiller-ml/tiller/internal/mapped"
)

// File is a safetensors file, open for reading.
type File struct {
	Metadata map[string]string // nil where the file has none
	Tensors  []Tensor          // in the order of their bytes

	path  string
	index map[string]int
	unmap func() error
}

// Tensor is one tensor of a file.
type Tensor struct {
	Name  string
	DType DType
	Shape []int
	Data  []byte // row-major, little-endian; a view of the file, not to be written

	path string
}

// Open reads the file's header and maps its tensors. The caller closes it. The
// file may be replaced while it is open, as [Write] does, but not shortened.
func Open(path string) (*File, error) {
	data, unmap, err := mapped.File(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	f, err := parse(path, data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, errors.Join(err, unmap()))
	}
	f.unmap = unmap
	return f, nil
}

// Parse is Open for a file's bytes. The tensors are views of data.
func Parse(data []byte) (*File, error) {
	f, err := parse("", data)
	if err != nil {
		return nil, fmt.Errorf("reading safetensors: %w", err)
	}
	return f, nil
}

// Close ends every tensor's Data.
func (f *File) Close() error {
	if f.unmap == nil {
		return nil
	}
	unmap := f.unmap
	f.unmap, f.Tensors, f.index = nil, nil, nil
	if err := unmap(); err != nil {
		return fmt.Errorf("closing %s: %w", f.path, err)
	}
	return nil
}

// Lookup finds a tensor by its name; the error names the file and the tensor.
func (f *File) Lookup(name string) (*Tensor, error) {
	i, ok := f.index[name]
	if !ok {
		return nil, (&Tensor{Name: name, path: f.path}).errorf("there is no such tensor")
	}
	return &f.Tensors[i], nil
}

func (t *Tensor) errorf(format string, args ...any) error {
	err := fmt.Errorf("tensor %.60q: "+format, append([]any{t.Name}, args...)...)
	if t.path != "" {
		err = fmt.Errorf("%s: %w", t.path, err)
	}
	return err
}

func parse(path string, data []byte) (*File, error) {
	if len(data) < 8 {
		return nil, fmt.Errorf("%d bytes are too few for a safetensors file", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader {
		return nil, fmt.Errorf("not a safetensors file: it claims a header of %d bytes, the limit is %d", n, maxHeader)
	}
	if n > uint64(len(data)-8) {
		return nil, fmt.Errorf("cut short: the header has %d bytes, the file %d", n, len(data))
	}
	metadata, entries, err := parseHeader(data[8 : 8+n])
	if err != nil {
		return nil, err
	}
	f := &File{Metadata: metadata, path: path, index: make(map[string]int, len(entries))}
	if f.Tensors, err = layOut(path, entries, data[8+n:]); err != nil {
		return nil, err
	}
	for i, t := range f.Tensors {
		f.index[t.Name] = i
	}
	return f, nil
}

// layOut gives each entry its bytes of body, which they must fill in order,
// without holes or overlaps.
func layOut(path string, entries []entry, body []byte) ([]Tensor, error) {
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	tensors := make([]Tensor, 0, len(entries))
	pos := uint64(0)
	for _, e := range entries {
		size, err := sizeOf(e.dtype, e.shape)
		switch {
		case err != nil:
		case e.begin > pos:
			err = fmt.Errorf("%d bytes before it belong to no tensor", e.begin-pos)
		case e.begin < pos:
			err = errors.New("it overlaps the tensor before it")
		case e.end < e.begin || e.end-e.begin != size:
			err = fmt.Errorf("bytes %d to %d do not hold %s", e.begin, e.end, describe(e.dtype, e.shape))
		case e.end > uint64(len(body)):
			err = fmt.Errorf("cut short: it ends at byte %d of %d", e.end, len(body))
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %.60q: %w", e.name, err)
		}
		tensors = append(tensors, Tensor{e.name, e.dtype, e.shape, body[e.begin:e.end:e.end], path})
		pos = e.end
	}
	if pos != uint64(len(body)) {
		return nil, fmt.Errorf("the last %d bytes belong to no tensor", uint64(len(body))-pos)
	}
	return tensors, nil
}

// describe is a type and shape for an error message, at most a line long.
func describe(dtype DType, shape []int) string {
	const most = 8
	if len(shape) > most {
		return fmt.Sprintf("%s with %d axes", dtype, len(shape))
	}
	return fmt.Sprintf("%s %v", dtype, shape)
}
