package backendtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// maps tests buffers over the caller's memory: they show what it holds, and
// freeing them leaves it alone.
func (s *suite) maps(t *testing.T) {
	b, ok := s.b.(backend.Mapper)
	if !ok {
		t.Skip("the backend maps no memory")
	}
	want := normals(1, 5, 7)
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.BFloat16} {
		mem := encode(d, want.rounded(d).data)
		buf, ok := b.Map(d, mem)
		require.True(t, ok)
		require.Equal(t, 35, buf.Len())
		x := tensor.New(buf, d, 5, 7)
		same(t, want.rounded(d), s.get(t, x), 0)
		same(t, array{[]int{2, 7}, want.rounded(d).data[14:28]}, s.get(t, x.Slice(0, 2, 4)), 0)
		s.free(x)
		require.Equal(t, encode(d, want.rounded(d).data), mem)
		_, ok = b.Map(d, mem[1:])
		require.False(t, ok, "memory that is not aligned")
	}
}
