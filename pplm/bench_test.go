package pplm_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/tensor"
)

// BenchmarkGenerate is a token of GPT-2 124M with random weights: unsteered, and
// steered by a bag of 40 words in 3 iterations over a window of 5, as in the
// reference program's README.
func BenchmarkGenerate(b *testing.B) {
	for _, d := range []tensor.DType{tensor.Float32, tensor.BFloat16, tensor.Int8} {
		b.Run(d.String(), func(b *testing.B) {
			be, err := cpu.New(backend.Config{})
			require.NoError(b, err)
			m, err := gpt2.New(be, d, gpt2.Small(), 1)
			require.NoError(b, err)
			defer m.Free()
			for _, batch := range []int{1, 10} {
				b.Run(fmt.Sprintf("plain/B=%d", batch), func(b *testing.B) { benchGenerate(b, m, batch, 0) })
				b.Run(fmt.Sprintf("bag/B=%d", batch), func(b *testing.B) { benchGenerate(b, m, batch, 3) })
			}
		})
	}
}

func benchGenerate(b *testing.B, m *gpt2.Model, batch, iterations int) {
	var words []string
	for i := range 40 {
		words = append(words, fmt.Sprint(i))
	}
	bag, err := pplm.NewBag("bench", words, func(s string) []int32 {
		var id int32
		fmt.Sscan(s, &id)
		return []int32{1000 + 997*id}
	})
	require.NoError(b, err)
	preset, err := pplm.FindPreset("code-bow")
	require.NoError(b, err)
	r := pplm.Request{
		Prompt: make([]int32, 8), Length: 100, Samples: batch, Attributes: []pplm.Attribute{bag}, Settings: preset.Settings,
	}
	r.Settings.Iterations = iterations
	var g *pplm.Generator
	var times []time.Duration
	for b.Loop() {
		if len(times)%100 == 0 { // the past stays short
			if g != nil {
				g.Free()
			}
			g, err = pplm.NewGenerator(b.Context(), m, r)
			require.NoError(b, err)
		}
		start := time.Now()
		_, err := g.Next(b.Context())
		require.NoError(b, err)
		times = append(times, time.Since(start))
	}
	g.Free()
	slices.Sort(times)
	b.ReportMetric(times[len(times)/2].Seconds()*1e3, "ms/token")
}
