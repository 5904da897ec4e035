package bench

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

// BenchmarkRead reads as many bytes as a token of a GPT-2 reads of its weights,
// and does nothing else: no token can be quicker.
func BenchmarkRead(b *testing.B) {
	for _, d := range storedTypes {
		_, bytes := weightBytes(gpt2Sizes["124M"], d)
		eachThreads(b, fmt.Sprintf("model=124M/dtype=%v", d), func(b *testing.B, cpu backend.Backend) {
			const columns = 1 << 20
			x := backend.Zeros(cpu, tensor.Float32, bytes/4/columns, columns)
			y := backend.Zeros(cpu, tensor.Float32, 1, 1)
			defer backend.Release(cpu, x, y)
			b.SetBytes(int64(4 * x.Len()))
			loopSteps(b, 1, func() { cpu.Reduce(backend.Max, y, x) })
		})
	}
}

// BenchmarkSample is a token of an unsteered text, of a GPT-2 with its cache.
func BenchmarkSample(b *testing.B) {
	for _, d := range storedTypes {
		benchGenerate(b, "124M", d, 1, 0)
	}
}

// BenchmarkSteer is a token of a text steered by a bag of 40 words, in 3
// iterations over a window of 5: the first command in the README of the
// reference program.
func BenchmarkSteer(b *testing.B) {
	for _, d := range storedTypes {
		for _, batch := range []int{1, 10} {
			benchGenerate(b, "124M", d, batch, 3)
		}
	}
	benchGenerate(b, "355M", tensor.Float32, 1, 3)
}

// Lengths of the texts, short as those of the reference program's README.
const (
	promptTokens = 8
	newTokens    = 100
)

func benchGenerate(b *testing.B, size string, d tensor.DType, batch, iterations int) {
	eachThreads(b, fmt.Sprintf("model=%s/dtype=%v/B=%d", size, d, batch), func(b *testing.B, cpu backend.Backend) {
		m := openGPT2(b, cpu, d, gpt2Sizes[size])
		defer func() { require.NoError(b, m.Free()) }()
		generate(b, m, batch, iterations)
		if bytes := peakBytes(); bytes > 0 {
			weights, _ := weightBytes(m.Config, d)
			b.ReportMetric(float64(bytes)/float64(weights), "peak/weights")
		}
	})
}

// generate times the tokens of one text after another.
func generate(b *testing.B, lm pplm.LM, batch, iterations int) {
	preset, err := pplm.FindPreset("code-bow")
	require.NoError(b, err)
	r := pplm.Request{Prompt: make([]int32, promptTokens), Length: newTokens, Samples: batch, Seed: 1, Settings: preset.Settings}
	r.Settings.Iterations = iterations
	if iterations > 0 {
		r.Attributes = []pplm.Attribute{bagOf(b, 40, lm.Info().Vocabulary)}
	}
	var g *pplm.Generator
	defer func() { g.Free() }()
	made := 0
	loopSteps(b, batch, func() {
		if made%newTokens == 0 {
			b.StopTimer()
			if g != nil {
				g.Free()
			}
			g, err = pplm.NewGenerator(b.Context(), lm, r)
			require.NoError(b, err)
			b.StartTimer()
		}
		made++
		if _, err := g.Next(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
}

// bagOf is a bag of words of one token each, spread over the vocabulary.
func bagOf(b *testing.B, words, vocabulary int) *pplm.Bag {
	var names []string
	for i := range words {
		names = append(names, fmt.Sprint("word", i))
	}
	last := int32(0)
	bag, err := pplm.NewBag("bench", names, func(string) []int32 {
		last += int32(vocabulary / (words + 1))
		return []int32{last}
	})
	require.NoError(b, err)
	return bag
}
