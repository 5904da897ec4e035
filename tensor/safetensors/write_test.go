package safetensors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

func sample() []safetensors.Source {
	return []safetensors.Source{
		safetensors.FromSlice("w", []float32{1, 2, 3, 4, 5, 6}, 2, 3),
		safetensors.FromSlice("ids", []int32{7}, 1),
		safetensors.FromSlice("scale", []float64{0.5}),
		safetensors.FromSlice("none", []float32{}, 0, 4),
	}
}

func sources(f *safetensors.File) []safetensors.Source {
	out := make([]safetensors.Source, len(f.Tensors))
	for i, t := range f.Tensors {
		out[i] = safetensors.Source{Name: t.Name, DType: t.DType, Shape: t.Shape, Data: func(w io.Writer) error {
			_, err := w.Write(t.Data)
			return err
		}}
	}
	return out
}

// The bytes follow from the arguments alone: here they are, by hand.
func TestEncodeBytes(t *testing.T) {
	var got bytes.Buffer
	meta := map[string]string{"z": "<1>", "format": "pt"}
	require.NoError(t, safetensors.Encode(&got, meta, []safetensors.Source{
		safetensors.FromSlice("b", []int32{-1}, 1),
		safetensors.FromSlice("a\n", []float64{1}),
	}))
	header := `{"__metadata__":{"format":"pt","z":"\u003c1\u003e"},` +
		`"a\n":{"dtype":"F64","shape":[],"data_offsets":[0,8]},` +
		`"b":{"dtype":"I32","shape":[1],"data_offsets":[8,12]}}`
	for len(header)%8 != 0 {
		header += " "
	}
	want := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	want = append(want, header...)
	want = append(want, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0xff, 0xff, 0xff, 0xff)
	assert.Equal(t, string(want), got.String())
}

func TestWriteRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	meta := map[string]string{"step": "12", "quote": "\"\u2028\u00e9"}
	require.NoError(t, safetensors.Write(path, meta, sample()))
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	assert.Equal(t, meta, f.Metadata)
	assert.Len(t, f.Tensors, 4)
	for i, name := range []string{"scale", "w", "ids", "none"} {
		assert.Equal(t, name, f.Tensors[i].Name)
	}
	w, err := f.Lookup("w")
	require.NoError(t, err)
	got, err := w.Float32s()
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 2, 3, 4, 5, 6}, got)
	assert.Equal(t, []int{2, 3}, w.Shape)
}

// A long tensor comes through in pieces.
func TestFromSliceLong(t *testing.T) {
	long := make([]int32, 100_003)
	for i := range long {
		long[i] = int32(i * i)
	}
	var b bytes.Buffer
	require.NoError(t, safetensors.Encode(&b, nil, []safetensors.Source{safetensors.FromSlice("x", long, len(long))}))
	f, err := safetensors.Parse(b.Bytes())
	require.NoError(t, err)
	got, err := f.Tensors[0].Int32s()
	require.NoError(t, err)
	assert.Equal(t, long, got)
}

var errDevice = errors.New("the device is gone")

// After each failure the old file is as it was and nothing lies beside it.
func TestWriteKeepsOldFile(t *testing.T) {
	data := func(n int, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			if _, err := w.Write(make([]byte, n)); err != nil {
				return err
			}
			return err
		}
	}
	big := func(n int, err error) []safetensors.Source {
		return append(sample(), safetensors.Source{Name: "x", DType: safetensors.U8, Shape: []int{1 << 20}, Data: data(n, err)})
	}
	tests := []struct {
		name    string
		meta    map[string]string
		tensors []safetensors.Source
		want    string
	}{
		{"callback fails", nil, big(1<<19, errDevice), `tensor "x": the device is gone`},
		{"too few bytes", nil, big(1<<20-1, nil), `tensor "x": 1 bytes are missing to hold U8 [1048576]`},
		{"too many bytes", nil, big(1<<20+1, nil), `tensor "x": 1 bytes more`},
		{"name twice", nil, append(sample(), sample()[0]), `tensor "w": the name is taken`},
		{"reserved name", nil, []safetensors.Source{safetensors.FromSlice("__metadata__", []int32{})}, "the name is taken"},
		{"name not UTF-8", nil, []safetensors.Source{safetensors.FromSlice("\xff", []int32{1})}, "the name is not UTF-8"},
		{"metadata not UTF-8", map[string]string{"k": "\xff"}, nil, `metadata "k" is not UTF-8`},
		{"unknown dtype", nil, []safetensors.Source{{Name: "x", DType: "F31"}}, `tensor "x": unknown dtype "F31"`},
		{"negative length", nil, []safetensors.Source{{Name: "x", DType: safetensors.F32, Shape: []int{-1}}}, "negative length -1"},
		{"header too long", map[string]string{"k": string(bytes.Repeat([]byte("a"), 100_000_000))}, nil, "the limit is 100000000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.safetensors")
			require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
			err := safetensors.Write(path, tt.meta, tt.tensors)
			require.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, "writing "+path)
			requireOnly(t, path, "old")
		})
	}
}

// requireOnly checks that a folder holds one file with that content.
func requireOnly(t *testing.T, path, content string) {
	t.Helper()
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, content, string(got))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestWriteAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.json")
	put := func(text string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		}
	}
	require.NoError(t, safetensors.WriteAtomic(path, put("one")))
	requireOnly(t, path, "one")

	require.NoError(t, os.Chmod(path, 0o640))
	require.NoError(t, safetensors.WriteAtomic(path, put("two")))
	requireOnly(t, path, "two")
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o640), info.Mode().Perm(), "permissions are kept")

	assert.PanicsWithValue(t, "gone", func() {
		_ = safetensors.WriteAtomic(path, func(io.Writer) error { panic("gone") })
	})
	requireOnly(t, path, "two")

	dir := filepath.Join(t.TempDir(), "folder")
	require.NoError(t, os.Mkdir(dir, 0o777))
	assert.Error(t, safetensors.WriteAtomic(dir, put("x")), "a folder is in the way")
	entries, err := os.ReadDir(filepath.Dir(dir))
	require.NoError(t, err)
	assert.Len(t, entries, 1)

	err = safetensors.WriteAtomic(filepath.Join(dir, "absent", "c.json"), put("x"))
	assert.ErrorIs(t, err, fs.ErrNotExist)

	t.Chdir(dir)
	require.NoError(t, safetensors.WriteAtomic("plain", put("x")), "a name without a folder")
}

// An open file keeps its content while another takes its place.
func TestWriteWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	write := func(x float32) {
		require.NoError(t, safetensors.Write(path, nil, []safetensors.Source{safetensors.FromSlice("x", []float32{x}, 1)}))
	}
	write(1)
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	defer f.Close()
	write(2)
	got, err := f.Tensors[0].Float32s()
	require.NoError(t, err)
	assert.Equal(t, []float32{1}, got)
}

func BenchmarkWrite(b *testing.B) {
	data := make([]float32, 1<<22)
	path := filepath.Join(b.TempDir(), "m.safetensors")
	b.SetBytes(int64(4 * len(data)))
	for b.Loop() {
		require.NoError(b, safetensors.Write(path, nil, []safetensors.Source{safetensors.FromSlice("x", data, len(data))}))
	}
}

func BenchmarkFloat32s(b *testing.B) {
	t := safetensors.Tensor{DType: safetensors.F32, Data: make([]byte, 1<<22)}
	b.SetBytes(int64(len(t.Data)))
	for b.Loop() {
		_, err := t.Float32s()
		require.NoError(b, err)
	}
}
