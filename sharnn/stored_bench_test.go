package sharnn_test

import (
	"fmt"
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// BenchmarkDecodeStored writes a text byte by byte, without a memory, with
// weights as each dtype stores them.
func BenchmarkDecodeStored(b *testing.B) {
	for _, width := range []int{256, 1024} {
		dir := b.TempDir()
		saveDrawn(b, dir, width)
		for _, d := range []tensor.DType{tensor.Float32, tensor.BFloat16, tensor.Int8} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("emsize=%d/%v/threads=%d", width, d, threads), func(b *testing.B) {
					cpu, err := backend.Open("cpu", backend.Config{Threads: threads})
					if err != nil {
						b.Fatal(err)
					}
					defer cpu.Close()
					m, _, err := sharnn.Load(cpu, dir, d)
					if err != nil {
						b.Fatal(err)
					}
					defer m.Free()
					decode(b, m)
				})
			}
		}
	}
}

// saveDrawn saves an untrained model.
func saveDrawn(b *testing.B, dir string, width int) {
	cpu, err := backend.Open("cpu", backend.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer cpu.Close()
	m, err := sharnn.New(cpu, tensor.Float32, sharnn.Config{
		Symbols: 205, Width: width, Hidden: 4 * width, Layers: 4, Attention: []int{2}, Heads: 1, Collapsed: true,
	}, 1)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Free()
	if err := m.Save(dir, nil, nil); err != nil {
		b.Fatal(err)
	}
}

func decode(b *testing.B, m *sharnn.Model) {
	s, err := sharnn.NewSampler(m, sharnn.Sampling{Temperature: 1, TopP: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Free()
	if err := s.Feed(b.Context(), []int32{1}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
