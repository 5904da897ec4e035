package torchfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor/safetensors"
	"github.com/tiller-ml/tiller/tensor/torchfile"
)

// raw is a source of given bytes.
func raw(name string, dtype safetensors.DType, data []byte, shape ...int) safetensors.Source {
	return safetensors.Source{Name: name, DType: dtype, Shape: shape, Data: func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}}
}

func sources() []safetensors.Source {
	return []safetensors.Source{
		safetensors.FromSlice("b.weight", []float32{1, -2, 3, 4, 5, 6}, 2, 3),
		safetensors.FromSlice("a", []float64{0.1}),
		safetensors.FromSlice("empty", []float32{}, 0, 3),
		safetensors.FromSlice("n", []int32{7, -8}, 2),
		raw("h", safetensors.F16, []byte{0, 0x3c, 0, 0xc0}, 2),
		raw("bf", safetensors.BF16, []byte{0x80, 0x3f}, 1, 1),
		raw("u", safetensors.U8, []byte{1, 2, 255}, 3),
		raw("l", safetensors.I64, binary.LittleEndian.AppendUint64(nil, 0xfedcba9876543210), 1),
	}
}

// tie is one of sources', by another name.
var tie = torchfile.Tie{Name: "tied", Of: "b.weight"}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.pt")
	require.NoError(t, torchfile.Write(path, sources()))
	f, err := torchfile.Open(path)
	require.NoError(t, err)
	defer f.Close()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var names []string
	for _, s := range sources() {
		names = append(names, s.Name)
		x, err := f.Lookup(s.Name)
		require.NoError(t, err)
		assert.Equal(t, s.DType, x.DType)
		assert.Equal(t, append([]int{}, s.Shape...), x.Shape)
		var want bytes.Buffer
		require.NoError(t, s.Data(&want))
		assert.Equal(t, want.String(), string(x.Data))
		if len(x.Data) > 2 {
			assert.Zero(t, bytes.Index(data, x.Data)%64, s.Name)
		}
	}
	assert.Equal(t, names, f.Names)
	var again bytes.Buffer
	require.NoError(t, torchfile.Encode(&again, sources()))
	assert.Equal(t, data, again.Bytes())
}

// Tied tensors stand side by side and are the same bytes of the file.
func TestWriteTied(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, torchfile.Encode(&file, sources(), tie))
	f, err := torchfile.Parse(file.Bytes())
	require.NoError(t, err)
	assert.Equal(t, []string{"b.weight", "tied", "a"}, f.Names[:3])
	tied, err := f.Lookup("tied")
	require.NoError(t, err)
	original, err := f.Lookup("b.weight")
	require.NoError(t, err)
	assert.Equal(t, original.Shape, tied.Shape)
	assert.Same(t, &original.Data[0], &tied.Data[0])

	for want, ties := range map[string][]torchfile.Tie{
		`tensor "t": there is no "x" to tie it to`: {{Name: "t", Of: "x"}},
		`two tensors are called "a"`:               {{Name: "a", Of: "b.weight"}},
		`two tensors are called "t"`:               {{Name: "t", Of: "a"}, {Name: "t", Of: "a"}},
	} {
		assert.ErrorContains(t, torchfile.Encode(io.Discard, sources(), ties...), want)
	}
}

func TestWriteErrors(t *testing.T) {
	full := errors.New("no room")
	for want, s := range map[string][]safetensors.Source{
		"PyTorch has no storage of U32":          {raw("a", safetensors.U32, nil, 0)},
		`two tensors are called "a"`:             {raw("a", safetensors.F32, nil, 0), raw("a", safetensors.F32, nil, 0)},
		"not UTF-8":                              {raw("\xff", safetensors.F32, nil, 0)},
		`tensor "a": 4 bytes, its shape holds 8`: {raw("a", safetensors.F32, make([]byte, 4), 2)},
		`tensor "a": no room`:                    {{Name: "a", DType: safetensors.F32, Data: func(io.Writer) error { return full }}},
	} {
		path := filepath.Join(t.TempDir(), "w.pt")
		require.NoError(t, os.WriteFile(path, []byte("old"), 0o666))
		err := torchfile.Write(path, s)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, path)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, "old", string(left))
	}
}
