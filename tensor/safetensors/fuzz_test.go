package safetensors_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// FuzzParse: bad bytes give an error, not a panic, and no more memory than a
// multiple of their own; good ones give tensors that fill the file, survive
// being written, and convert.
func FuzzParse(f *testing.F) {
	var good bytes.Buffer
	require.NoError(f, safetensors.Encode(&good, map[string]string{"k": "v"}, sample()))
	f.Add(good.Bytes())
	f.Add(raw(`{}`, 0))
	f.Add(raw(`{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[2,0],"data_offsets":[8,8]}}`, 8))
	f.Add(raw(`{"a":{"dtype":"F64","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0))
	f.Add(raw(`{"a":{"dtype":"BOOL","shape":[-1],"data_offsets":[9223372036854775807,0]}}`, 1))
	f.Add(raw(`{"\ud800":{"shape":[],"shape":[1,1,1,1,1,1,1,1]}}`, 4))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, '{'})
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		file, err := safetensors.Parse(data)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20+200*len(data)))
		if err == nil {
			checkParsed(t, file)
		}
	})
}

func checkParsed(t *testing.T, f *safetensors.File) {
	for _, x := range f.Tensors {
		n := x.DType.Size()
		for _, d := range x.Shape {
			n *= d
		}
		require.Len(t, x.Data, n)
		_, _ = x.Float32s()
		_, _ = x.Int32s()
	}
	var b bytes.Buffer
	require.NoError(t, safetensors.Encode(&b, f.Metadata, sources(f)))
	again, err := safetensors.Parse(b.Bytes())
	require.NoError(t, err)
	require.Len(t, again.Tensors, len(f.Tensors))
	for _, x := range f.Tensors {
		y, err := again.Lookup(x.Name)
		require.NoError(t, err)
		require.Equal(t, x, *y)
	}
}
