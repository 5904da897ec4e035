package gpt2

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// pickler writes the instructions of a pickle of protocol 2.
type pickler struct{ bytes.Buffer }

func (p *pickler) text(s string) {
	p.WriteByte('X')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.WriteString(s)
}

func (p *pickler) number(n int) {
	p.WriteByte('J')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
}

func (p *pickler) tuple(ns ...int) {
	p.WriteByte('(')
	for _, n := range ns {
		p.number(n)
	}
	p.WriteByte('t')
}

// tensor is what torch.save writes for a float32 tensor with a storage of its
// own.
func (p *pickler) tensor(storage string, shape []int) {
	n, strides := 1, make([]int, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = n
		n *= shape[i]
	}
	p.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
	p.text("storage")
	p.WriteString("ctorch\nFloatStorage\n")
	p.text(storage)
	p.text("cpu")
	p.number(n)
	p.WriteString("tQ")
	p.number(0)
	p.tuple(shape...)
	p.tuple(strides...)
	p.WriteString("\x89ccollections\nOrderedDict\n)RtR")
}

// torch makes the folder with its tensors in a PyTorch file.
func (f *folder) torch(t *testing.T) string {
	dir := t.TempDir()
	f.writeConfig(t, dir)
	var p pickler
	p.WriteString("\x80\x02}(")
	names := slices.Sorted(maps.Keys(f.tensors))
	for i, name := range names {
		p.text(name)
		p.tensor(fmt.Sprint(i), f.tensors[name].Shape)
	}
	p.WriteString("u.")
	file, err := os.Create(filepath.Join(dir, TorchFile))
	require.NoError(t, err)
	defer file.Close()
	w := zip.NewWriter(file)
	put := func(name string, data []byte) {
		e, err := w.CreateHeader(&zip.FileHeader{Name: "pytorch_model/" + name, Method: zip.Store})
		require.NoError(t, err)
		_, err = e.Write(data)
		require.NoError(t, err)
	}
	put("data.pkl", p.Bytes())
	for i, name := range names {
		put(fmt.Sprintf("data/%d", i), f.tensors[name].Data)
	}
	require.NoError(t, w.Close())
	return dir
}
