package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// metadataKey is the name in the header that is not a tensor's.
const metadataKey = "__metadata__"

// maxHeader is the format's limit on the header's length in bytes.
const maxHeader = 100_000_000

// entry is a tensor as the header describes it; its bytes are begin to end of
// what follows the header.
type entry struct {
	name       string
	dtype      DType
	shape      []int
	begin, end uint64
}

// parseHeader reads the JSON of a header. Places are checked later, against
// each other and the file.
func parseHeader(text []byte) (metadata map[string]string, entries []entry, err error) {
	switch {
	case len(text) == 0 || text[0] != '{':
		return nil, nil, errors.New("the header does not begin with {")
	case !utf8.Valid(text):
		return nil, nil, errors.New("the header is not UTF-8")
	case !json.Valid(text):
		return nil, nil, errors.New("the header is not valid JSON")
	}
	r := reader{json.NewDecoder(bytes.NewReader(text))}
	r.dec.UseNumber()
	err = r.object(func(name string) error {
		if name == metadataKey {
			metadata, err = r.metadata()
			return err
		}
		e, err := r.entry(name)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	return metadata, entries, nil
}

// reader takes values of known kinds off a stream of JSON tokens.
type reader struct{ dec *json.Decoder }

// object reads an object whose values each reads. A key that comes twice is an
// error.
func (r reader) object(each func(key string) error) error {
	if err := r.delim('{'); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for r.dec.More() {
		key, err := r.text()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("%.60q comes twice", key)
		}
		seen[key] = true
		if err := each(key); err != nil {
			return fmt.Errorf("%.60q: %w", key, err)
		}
	}
	return r.delim('}')
}

func (r reader) metadata() (map[string]string, error) {
	m := make(map[string]string)
	err := r.object(func(key string) (err error) {
		m[key], err = r.text()
		return err
	})
	return m, err
}

func (r reader) entry(name string) (entry, error) {
	e := entry{name: name}
	var offsets []int
	fields := 0
	err := r.object(func(key string) (err error) {
		fields++
		switch key {
		case "dtype":
			var s string
			s, err = r.text()
			e.dtype = DType(s)
		case "shape":
			e.shape, err = r.numbers()
		case "data_offsets":
			offsets, err = r.numbers()
		default:
			err = errors.New("the format has no such field")
		}
		return err
	})
	switch {
	case err != nil:
		return e, err
	case fields < 3:
		return e, errors.New("lacks one of dtype, shape and data_offsets")
	case len(offsets) != 2:
		return e, fmt.Errorf("%d data_offsets, want 2", len(offsets))
	}
	e.begin, e.end = uint64(offsets[0]), uint64(offsets[1])
	return e, nil
}

// numbers reads an array of whole numbers, none negative.
func (r reader) numbers() ([]int, error) {
	if err := r.delim('['); err != nil {
		return nil, err
	}
	list := []int{}
	for r.dec.More() {
		t, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		s, ok := t.(json.Number)
		if !ok {
			return nil, fmt.Errorf("found %.20v where a number should be", t)
		}
		n, err := strconv.ParseUint(string(s), 10, bits.UintSize-1)
		if err != nil {
			return nil, fmt.Errorf("%.30s is not a whole number from 0 to %d", s, uint(1)<<(bits.UintSize-1)-1)
		}
		list = append(list, int(n))
	}
	return list, r.delim(']')
}

func (r reader) text() (string, error) {
	t, err := r.dec.Token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("found %.20v where a string should be", t)
	}
	return s, nil
}

func (r reader) delim(want json.Delim) error {
	t, err := r.dec.Token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("found %.20v where %v should be", t, want)
	}
	return nil
}

// sizeOf is the number of bytes of a tensor.
func sizeOf(dtype DType, shape []int) (uint64, error) {
	if dtype.Size() == 0 {
		return 0, fmt.Errorf("unknown dtype %.20q", string(dtype))
	}
	size, empty := uint64(dtype.Size()), false
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("negative length %d in its shape", d)
		}
		hi, lo := bits.Mul64(size, uint64(max(d, 1)))
		if hi != 0 || lo > 1<<(bits.UintSize-1)-1 {
			return 0, errors.New("its shape has more elements than memory can hold")
		}
		size, empty = lo, empty || d == 0
	}
	if empty {
		return 0, nil
	}
	return size, nil
}
