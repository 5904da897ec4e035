package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/tiller-ml/tiller/tensor"
)

// Source is a tensor to be written. Data writes its bytes, row-major and
// little-endian, exactly as many as DType and Shape say; it is called when the
// tensor's turn comes, so that no two need to be in memory at once.
type Source struct {
	Name  string
	DType DType
	Shape []int
	Data  func(w io.Writer) error
}

// FromSlice is a Source of data, which fill the shape row-major and must stay
// as they are until it is written.
func FromSlice[T tensor.Elem](name string, data []T, shape ...int) Source {
	write := func(w io.Writer) error {
		var buf []byte
		for part := range slices.Chunk(data, 1<<13) {
			var err error
			if buf, err = binary.Append(buf[:0], binary.LittleEndian, part); err != nil {
				return err
			}
			if _, err := w.Write(buf); err != nil {
				return err
			}
		}
		return nil
	}
	return Source{Name: name, DType: DTypeOf(tensor.DTypeOf[T]()), Shape: shape, Data: write}
}

// Write makes the file at path of the tensors, or leaves the old one there, as
// [WriteAtomic] does. The tensors with the longest elements come first, else
// they keep their order, so that each lies aligned in a mapped file.
func Write(path string, metadata map[string]string, tensors []Source) error {
	return WriteAtomic(path, func(w io.Writer) error { return Encode(w, metadata, tensors) })
}

// Encode writes what [Write] puts in a file.
func Encode(w io.Writer, metadata map[string]string, tensors []Source) error {
	tensors = slices.Clone(tensors)
	slices.SortStableFunc(tensors, func(a, b Source) int { return cmp.Compare(b.DType.Size(), a.DType.Size()) })
	header, err := encodeHeader(metadata, tensors)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, t := range tensors {
		size, err := sizeOf(t.DType, t.Shape)
		if err != nil {
			return err
		}
		body := &exactly{w: w, left: size}
		if err = t.Data(body); err == nil && body.left > 0 {
			err = fmt.Errorf("%d bytes are missing to hold %s", body.left, describe(t.DType, t.Shape))
		}
		if err != nil {
			return fmt.Errorf("tensor %.60q: %w", t.Name, err)
		}
	}
	return nil
}

// exactly passes on as many bytes as are left.
type exactly struct {
	w    io.Writer
	left uint64
}

func (e *exactly) Write(p []byte) (int, error) {
	if uint64(len(p)) > e.left {
		return 0, fmt.Errorf("%d bytes more than its shape holds", uint64(len(p))-e.left)
	}
	n, err := e.w.Write(p)
	e.left -= uint64(n)
	return n, err
}

// encodeHeader is the length and the JSON, padded with spaces to a multiple of
// eight bytes.
func encodeHeader(metadata map[string]string, tensors []Source) ([]byte, error) {
	h := bytes.NewBuffer(make([]byte, 8))
	h.WriteByte('{')
	if err := addMetadata(h, metadata); err != nil {
		return nil, err
	}
	pos, seen := uint64(0), make(map[string]bool)
	for i, t := range tensors {
		size, err := sizeOf(t.DType, t.Shape)
		switch {
		case err != nil:
		case pos+size < pos:
			err = errors.New("the file would be too long")
		case t.Name == metadataKey || seen[t.Name]:
			err = errors.New("the name is taken")
		case !utf8.ValidString(t.Name):
			err = errors.New("the name is not UTF-8")
		}
		if err != nil {
			return nil, fmt.Errorf("tensor %.60q: %w", t.Name, err)
		}
		if i > 0 || len(metadata) > 0 {
			h.WriteByte(',')
		}
		seen[t.Name] = true
		if err := addEntry(h, t, pos, pos+size); err != nil {
			return nil, err
		}
		pos += size
	}
	h.WriteByte('}')
	for h.Len()%8 != 0 {
		h.WriteByte(' ')
	}
	if h.Len()-8 > maxHeader {
		return nil, fmt.Errorf("the header would have %d bytes, the limit is %d", h.Len()-8, maxHeader)
	}
	binary.LittleEndian.PutUint64(h.Bytes(), uint64(h.Len()-8))
	return h.Bytes(), nil
}

func addMetadata(h *bytes.Buffer, metadata map[string]string) error {
	if len(metadata) == 0 {
		return nil
	}
	for key, value := range metadata {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return fmt.Errorf("metadata %.60q is not UTF-8", key)
		}
	}
	text, err := json.Marshal(metadata)
	if err != nil {
		return err
	}
	fmt.Fprintf(h, "%q:%s", metadataKey, text)
	return nil
}

func addEntry(h *bytes.Buffer, t Source, begin, end uint64) error {
	name, err := json.Marshal(t.Name)
	if err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		DType   DType     `json:"dtype"`
		Shape   []int     `json:"shape"`
		Offsets [2]uint64 `json:"data_offsets"`
	}{t.DType, append([]int{}, t.Shape...), [2]uint64{begin, end}})
	if err != nil {
		return err
	}
	fmt.Fprintf(h, "%s:%s", name, info)
	return nil
}
