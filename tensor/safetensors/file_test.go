package safetensors_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// raw is a file with that header and that many bytes of tensors.
func raw(header string, body int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, body)...)
}

func TestParse(t *testing.T) {
	data := raw(`{"b":{"dtype":"U8","shape":[2,2],"data_offsets":[4,8]},
		"__metadata__":{"format":"pt"},
		"none":{"data_offsets":[4,4],"shape":[3,0],"dtype":"F64"},
		"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}   `, 8)
	for i := range 8 {
		data[len(data)-8+i] = byte(i)
	}
	f, err := safetensors.Parse(data)
	require.NoError(t, err)
	want := []safetensors.Tensor{
		{Name: "a", DType: safetensors.F32, Shape: []int{}, Data: []byte{0, 1, 2, 3}},
		{Name: "none", DType: safetensors.F64, Shape: []int{3, 0}, Data: []byte{}},
		{Name: "b", DType: safetensors.U8, Shape: []int{2, 2}, Data: []byte{4, 5, 6, 7}},
	}
	assert.Empty(t, cmp.Diff(want, f.Tensors, cmpopts.IgnoreUnexported(safetensors.Tensor{})))
	assert.Equal(t, map[string]string{"format": "pt"}, f.Metadata)

	b, err := f.Lookup("b")
	require.NoError(t, err)
	data[len(data)-1] = 9
	assert.Equal(t, byte(9), b.Data[3], "Data is a view")
	_, err = f.Lookup("c")
	assert.ErrorContains(t, err, `tensor "c": there is no such tensor`)
	assert.NoError(t, f.Close())
}

func TestParseRejects(t *testing.T) {
	const a = `"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	tests := []struct {
		name   string
		header string
		body   int
		want   string
	}{
		{"array", `[]`, 0, "does not begin with {"},
		{"empty header", ``, 0, "does not begin with {"},
		{"leading space", ` {}`, 0, "does not begin with {"},
		{"cut JSON", `{` + a, 8, "not valid JSON"},
		{"two values", `{}{}`, 0, "not valid JSON"},
		{"not UTF-8", "{\"\xff\":0}", 0, "not UTF-8"},
		{"deep nesting", `{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, 0, "not valid JSON"},
		{"nested shape", `{"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}`, 8, `"a": "shape": found [`},
		{"same name twice", `{` + a + `,` + a + `}`, 8, `"a" comes twice`},
		{"same name escaped", `{` + a + `,"\u0061":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}`, 16, `"a" comes twice`},
		{"metadata twice", `{"__metadata__":{},"__metadata__":{}}`, 0, `"__metadata__" comes twice`},
		{"metadata key twice", `{"__metadata__":{"k":"1","k":"2"}}`, 0, `"k" comes twice`},
		{"metadata number", `{"__metadata__":{"k":1}}`, 0, "found 1 where a string should be"},
		{"metadata list", `{"__metadata__":[]}`, 0, "found [ where { should be"},
		{"tensor is a string", `{"a":"F32"}`, 0, "found F32 where { should be"},
		{"tensor is null", `{"a":null}`, 0, "where { should be"},
		{"no dtype", `{"a":{"shape":[2],"data_offsets":[0,8]}}`, 8, "lacks one of"},
		{"field twice", `{"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}`, 8, `"shape" comes twice`},
		{"unknown field", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}`, 8, `"x": the format has no such field`},
		{"unknown dtype", `{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}`, 8, `tensor "a": unknown dtype "F31"`},
		{"dtype number", `{"a":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}`, 8, "found 4 where a string"},
		{"negative length", `{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8, "-2 is not a whole number"},
		{"fraction", `{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`, 8, "2.0 is not a whole number"},
		{"exponent", `{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}`, 8, "2e0 is not a whole number"},
		{"length as string", `{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}`, 8, "found 2 where a number"},
		{"length too long", `{"a":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]}}`, 8, "is not a whole number"},
		{"product overflows", `{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0, "more elements than memory"},
		{"bytes overflow", `{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}`, 0, "more elements than memory"},
		{"empty but overflowing", `{"a":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}}`, 0, "more elements than memory"},
		{"one offset", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}`, 8, "1 data_offsets, want 2"},
		{"three offsets", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}`, 8, "3 data_offsets, want 2"},
		{"end before begin", `{` + a + `,"b":{"dtype":"U8","shape":[4],"data_offsets":[8,4]}}`, 8, `tensor "b": bytes 8 to 4 do not hold U8 [4]`},
		{"wrong size", `{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8, `tensor "a": bytes 0 to 8 do not hold F32 [3]`},
		{"hole at the start", `{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12, `tensor "a": 4 bytes before it`},
		{"hole between", `{` + a + `,"b":{"dtype":"U8","shape":[1],"data_offsets":[9,10]}}`, 10, `tensor "b": 1 bytes before it`},
		{"overlap", `{` + a + `,"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, 8, `tensor "b": it overlaps`},
		{"cut short", `{` + a + `}`, 7, `tensor "a": cut short: it ends at byte 8 of 7`},
		{"bytes left over", `{` + a + `}`, 9, "the last 1 bytes belong to no tensor"},
		{"only bytes", `{}`, 1, "the last 1 bytes belong to no tensor"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := safetensors.Parse(raw(tt.header, tt.body))
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "\n")
			assert.Less(t, len(err.Error()), 300)
		})
	}
}

func TestParseHeaderLength(t *testing.T) {
	long := raw("{}", 0)
	binary.LittleEndian.PutUint64(long, 100_000_001)
	_, err := safetensors.Parse(long)
	assert.ErrorContains(t, err, "claims a header of 100000001 bytes")

	binary.LittleEndian.PutUint64(long, 3)
	_, err = safetensors.Parse(long)
	assert.ErrorContains(t, err, "cut short: the header has 3 bytes, the file 10")

	binary.LittleEndian.PutUint64(long, 1<<63)
	_, err = safetensors.Parse(long)
	assert.ErrorContains(t, err, "not a safetensors file")
}

// A file cut anywhere is an error, and Open's names the file.
func TestOpenTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, safetensors.Write(path, map[string]string{"k": "v"}, sample()))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range whole {
		_, err := safetensors.Parse(whole[:n])
		require.Error(t, err, "%d of %d bytes", n, len(whole))
	}
	for _, n := range []int{0, 7, 8, 20, len(whole) - 1} {
		require.NoError(t, os.WriteFile(path, whole[:n], 0o666))
		_, err := safetensors.Open(path)
		require.ErrorContains(t, err, "reading "+path)
	}
	_, err = safetensors.Open(t.TempDir())
	assert.ErrorContains(t, err, "not a regular file")
	_, err = safetensors.Open(filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestOpenErrorsNameFileAndTensor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, safetensors.Write(path, nil, sample()))
	f, err := safetensors.Open(path)
	require.NoError(t, err)
	_, err = f.Lookup("absent")
	assert.EqualError(t, err, path+`: tensor "absent": there is no such tensor`)
	w, err := f.Lookup("w")
	require.NoError(t, err)
	_, err = w.Int32s()
	assert.EqualError(t, err, path+`: tensor "w": holds F32, wanted integers`)
	require.NoError(t, f.Close())
	assert.Empty(t, f.Tensors)
	assert.NoError(t, f.Close(), "a second Close does nothing")
}
