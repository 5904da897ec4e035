package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// alignment of the storages in an archive, as torch.save aligns them.
const alignment = 64

// Tie is a second name, Name, of the tensor Of: both look into one storage, as
// tied weights do in the files of torch.save.
type Tie struct{ Name, Of string }

// Write makes the file at path of the tensors, an OrderedDict of them in the zip
// format that torch.load reads, with weights_only too, or leaves the old file
// there, as [safetensors.WriteAtomic] does. A tie stands after the tensor that it
// names. Element types without a PyTorch storage, names that come twice, ties to
// no tensor, and tensors that write more or fewer bytes than their shapes hold
// are errors. Equal arguments give equal bytes.
func Write(path string, tensors []safetensors.Source, ties ...Tie) error {
	return safetensors.WriteAtomic(path, func(w io.Writer) error { return Encode(w, tensors, ties...) })
}

// Encode writes what [Write] puts in a file.
func Encode(w io.Writer, tensors []safetensors.Source, ties ...Tie) error {
	text, err := dictionary(tensors, ties)
	if err != nil {
		return err
	}
	out := &counter{w: w}
	archive := zip.NewWriter(out)
	if err := addEntry(archive, out, "data.pkl", func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}); err != nil {
		return err
	}
	for i, t := range tensors {
		if err := addEntry(archive, out, "data/"+strconv.Itoa(i), t.Data); err != nil {
			return fmt.Errorf("tensor %.60q: %w", t.Name, err)
		}
		if size := int64(length(t.Shape) * t.DType.Size()); out.entry != size {
			return fmt.Errorf("tensor %.60q: %d bytes, its shape holds %d", t.Name, out.entry, size)
		}
	}
	if err := addEntry(archive, out, "version", func(w io.Writer) error {
		_, err := io.WriteString(w, "3\n")
		return err
	}); err != nil {
		return err
	}
	return archive.Close()
}

// counter counts what is written to an archive, and to its entry at hand.
type counter struct {
	w          io.Writer
	all, entry int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.all += int64(n)
	return n, err
}

// descriptor is the length of what the archive writes after the last entry, when
// the next one begins: its checksum and sizes.
func (c *counter) descriptor() int64 {
	switch {
	case c.all == 0:
		return 0
	case c.entry >= math.MaxUint32:
		return 24
	}
	return 16
}

// entryWriter counts the bytes of an entry.
type entryWriter struct {
	io.Writer
	c *counter
}

func (e entryWriter) Write(p []byte) (int, error) {
	n, err := e.Writer.Write(p)
	e.c.entry += int64(n)
	return n, err
}

// addEntry adds an entry whose bytes lie aligned in the file: a field of the
// header fills it up.
func addEntry(archive *zip.Writer, out *counter, name string, write func(io.Writer) error) error {
	if err := archive.Flush(); err != nil {
		return err
	}
	const header, field = 30, 4 // bytes of a local header, and of an empty field
	h := &zip.FileHeader{Name: "archive/" + name, Method: zip.Store}
	end := out.all + out.descriptor() + header + int64(len(h.Name)) + field
	fill := (alignment - end%alignment) % alignment
	h.Extra = append(binary.LittleEndian.AppendUint16([]byte("FB"), uint16(fill)), make([]byte, fill)...)
	w, err := archive.CreateHeader(h)
	if err != nil {
		return err
	}
	out.entry = 0
	return write(entryWriter{w, out})
}

// length is the number of elements of a shape.
func length(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// dictionary is the pickle of the tensors, in protocol 2.
func dictionary(tensors []safetensors.Source, ties []Tie) ([]byte, error) {
	p := &pickler{}
	p.WriteString("\x80\x02")
	p.orderedDict()
	p.WriteByte('(')
	seen := make(map[string]bool)
	for i, t := range tensors {
		class := classOf(t.DType)
		if class == "" {
			return nil, fmt.Errorf("tensor %.60q: PyTorch has no storage of %s", t.Name, t.DType)
		}
		for _, name := range namesOf(t.Name, ties) {
			switch {
			case seen[name]:
				return nil, fmt.Errorf("two tensors are called %.60q", name)
			case !utf8.ValidString(name):
				return nil, fmt.Errorf("tensor %.60q: the name is not UTF-8", name)
			}
			seen[name] = true
			p.text(name)
			p.tensor(class, i, t.Shape)
		}
	}
	for _, tie := range ties {
		if !seen[tie.Name] {
			return nil, fmt.Errorf("tensor %.60q: there is no %.60q to tie it to", tie.Name, tie.Of)
		}
	}
	p.WriteString("u.")
	if p.Len() > maxPickle {
		return nil, errors.New("the names and shapes take too much room")
	}
	return p.Bytes(), nil
}

// namesOf are a tensor's name and those of its ties.
func namesOf(name string, ties []Tie) []string {
	names := []string{name}
	for _, tie := range ties {
		if tie.Of == name {
			names = append(names, tie.Name)
		}
	}
	return names
}

// classOf is the name of the storage for a type, in the module torch; empty for
// one without.
func classOf(dtype safetensors.DType) string {
	for name, d := range globals {
		if d == any(dtype) {
			return name[len("torch."):]
		}
	}
	return ""
}

// pickler writes a pickle.
type pickler struct{ bytes.Buffer }

func (p *pickler) global(module, name string) { fmt.Fprintf(p, "c%s\n%s\n", module, name) }

func (p *pickler) orderedDict() {
	p.global("collections", "OrderedDict")
	p.WriteString(")R")
}

func (p *pickler) text(s string) {
	p.WriteByte('X')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.WriteString(s)
}

func (p *pickler) number(n int) {
	if n <= math.MaxInt32 {
		p.WriteByte('J')
		p.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
		return
	}
	p.WriteString("\x8a\x08")
	p.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func (p *pickler) tuple(numbers []int) {
	p.WriteByte('(')
	for _, n := range numbers {
		p.number(n)
	}
	p.WriteByte('t')
}

// tensor is _rebuild_tensor_v2 of the storage with a key, row-major.
func (p *pickler) tensor(class string, key int, shape []int) {
	strides, step := make([]int, len(shape)), 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = step
		step *= max(shape[i], 1)
	}
	p.global("torch._utils", "_rebuild_tensor_v2")
	p.WriteString("((")
	p.text("storage")
	p.global("torch", class)
	p.text(strconv.Itoa(key))
	p.text("cpu")
	p.number(length(shape))
	p.WriteString("tQ")
	p.number(0)
	p.tuple(shape)
	p.tuple(strides)
	p.WriteByte(0x89) // requires no gradient
	p.orderedDict()
	p.WriteString("tR")
}
