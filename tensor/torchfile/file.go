package torchfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/nlpodyssey/gopickle/types"

	"github.com/tiller-ml/tiller/internal/mapped"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// File is a PyTorch file, open for reading.
type File struct {
	Names []string // of the tensors, in the file's order

	path  string
	views map[string]*view
	unmap func() error
}

// ErrNoTensors says that a file of torch.save holds no tensors, as that of the
// state dict of a module without parameters.
var ErrNoTensors = errors.New("holds no tensors")

// Open reads what the file says of its tensors and maps them. The name of one
// that lies in dictionaries or lists within the outermost is made of the keys
// and indices with dots between; what is no tensor is passed over. The caller
// closes the file, which may be replaced meanwhile, but not shortened.
func Open(path string) (*File, error) {
	data, unmap, err := mapped.File(path)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	f, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, errors.Join(err, unmap()))
	}
	f.path, f.unmap = path+": ", unmap
	return f, nil
}

// Parse is Open for a file's bytes. The tensors are views of data.
func Parse(data []byte) (*File, error) {
	f, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading a PyTorch file: %w", err)
	}
	return f, nil
}

// Close ends every tensor's Data.
func (f *File) Close() error {
	if f.unmap == nil {
		return nil
	}
	unmap := f.unmap
	f.unmap, f.Names, f.views = nil, nil, nil
	if err := unmap(); err != nil {
		return fmt.Errorf("%sclosing: %w", f.path, err)
	}
	return nil
}

// Lookup finds a tensor by its name; the error names the file and the tensor.
// One whose elements do not lie in row-major order is copied at each call.
func (f *File) Lookup(name string) (*safetensors.Tensor, error) {
	v, ok := f.views[name]
	if !ok {
		return nil, fmt.Errorf("%stensor %.60q: there is no such tensor", f.path, name)
	}
	return &safetensors.Tensor{Name: name, DType: v.storage.dtype, Shape: slices.Clone(v.shape), Data: v.rowMajor()}, nil
}

func parse(data []byte) (*File, error) {
	read := readLegacy
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		read = readZip
	}
	root, err := read(data)
	if err != nil {
		return nil, err
	}
	f := &File{views: make(map[string]*view)}
	if _, ok := root.(*view); ok {
		return nil, errors.New("holds one tensor without a name, not a dictionary of tensors")
	}
	if err := f.collect("", 0, root, make(map[any]bool)); err != nil {
		return nil, err
	}
	if len(f.Names) == 0 {
		return nil, ErrNoTensors
	}
	return f, nil
}

// collect takes in the tensors of a value. A container is entered once, so that
// the work stays in proportion to the pickle.
func (f *File) collect(name string, depth int, value any, entered map[any]bool) error {
	switch value.(type) {
	case *view, *types.OrderedDict, *types.Dict, *types.List, *types.Tuple:
	default:
		return nil
	}
	if v, ok := value.(*view); ok {
		if f.views[name] != nil {
			return fmt.Errorf("two tensors are called %.60q", name)
		}
		f.views[name] = v
		f.Names = append(f.Names, name)
		return nil
	}
	if entered[value] {
		return fmt.Errorf("what lies at %.60q has another place too", name)
	}
	entered[value] = true
	return each(value, func(key string, item any) error {
		if depth > 0 {
			key = name + "." + key
		}
		if len(key) > maxName {
			return fmt.Errorf("the name %.60q... is longer than %d bytes", key, maxName)
		}
		return f.collect(key, depth+1, item, entered)
	})
}

// maxName is the length in bytes of the longest name of a tensor, which bounds
// how deep containers lie within each other.
const maxName = 1 << 10

// each calls do on what a container holds, by key or index.
func each(container any, do func(key string, item any) error) error {
	var err error
	visit := func(key, item any) {
		if err != nil {
			return
		}
		switch k := key.(type) {
		case string:
			err = do(k, item)
		case int:
			err = do(strconv.Itoa(k), item)
		}
	}
	switch c := container.(type) {
	case *types.OrderedDict:
		for e := c.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			visit(entry.Key, entry.Value)
		}
	case *types.Dict:
		for _, entry := range *c {
			visit(entry.Key, entry.Value)
		}
	case *types.List:
		for i, item := range *c {
			visit(i, item)
		}
	case *types.Tuple:
		for i, item := range *c {
			visit(i, item)
		}
	}
	return err
}
