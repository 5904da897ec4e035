package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// BenchmarkDecode draws one symbol after another, each read before the next is
// drawn, with so many positions of the past in sight.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct{ width, rows int }{{256, 0}, {256, 1000}, {256, 5000}, {1024, 0}} {
		eachThreads(b, fmt.Sprintf("emsize=%d/rows=%d", c.width, c.rows), func(b *testing.B, cpu backend.Backend) {
			m := newModel(b, cpu, c.width, c.rows, 1)
			decode(b, m, c.rows)
		})
	}
}

// BenchmarkDecodeStored is BenchmarkDecode with weights that are only stored.
func BenchmarkDecodeStored(b *testing.B) {
	for _, width := range []int{256, 1024} {
		dir := b.TempDir()
		saveDrawn(b, dir, width)
		for _, d := range []tensor.DType{tensor.BFloat16, tensor.Int8} {
			eachThreads(b, fmt.Sprintf("emsize=%d/%v", width, d), func(b *testing.B, cpu backend.Backend) {
				m, _, err := sharnn.Load(cpu, dir, d)
				require.NoError(b, err)
				defer m.Free()
				decode(b, m, 0)
			})
		}
	}
}

// saveDrawn saves an untrained model without a memory.
func saveDrawn(b *testing.B, dir string, width int) {
	cpu, err := backend.Open("cpu", backend.Config{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, cpu.Close()) })
	m := newModel(b, cpu, width, 0, 1)
	m.Collapse() // its matrix is not for drawing symbols
	require.NoError(b, m.Save(dir, nil, nil))
}

// decode draws symbols after so many others.
func decode(b *testing.B, m *sharnn.Model, past int) {
	s, err := sharnn.NewSampler(m, sharnn.Sampling{TopP: 1})
	require.NoError(b, err)
	defer s.Free()
	require.NoError(b, s.Feed(context.Background(), make([]int32, past+1)))
	loopSteps(b, 1, func() {
		if _, err := s.Next(); err != nil {
			b.Fatal(err)
		}
	})
}
