package books_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/bags"
	"github.com/tiller-ml/tiller/pplm/internal/models"
)

// BenchmarkGroup times rounds of texts of different lengths that advance together:
// tokens of all texts per second, steered towards a bag with the model's preset, and
// not.
func BenchmarkGroup(b *testing.B) {
	device, err := backend.Open("cpu", backend.Config{})
	require.NoError(b, err)
	defer func() { require.NoError(b, device.Close()) }()
	m, err := models.Open(device, 0, "")
	require.NoError(b, err)
	defer func() { require.NoError(b, m.Free()) }()
	words, err := bags.Words("space")
	require.NoError(b, err)
	bag, err := m.Bag(b.Context(), "space", words)
	require.NoError(b, err)
	preset, err := pplm.FindPreset(models.Books)
	require.NoError(b, err)
	for _, steered := range []bool{false, true} {
		for _, texts := range []int{1, 4, 16} {
			b.Run(fmt.Sprintf("steered=%v/texts=%d", steered, texts), func(b *testing.B) {
				var attributes []pplm.Attribute
				if steered {
					attributes = append(attributes, bag)
				}
				g, err := pplm.NewGroup(m.LM, attributes, preset.Settings)
				require.NoError(b, err)
				defer g.Free()
				prompt, err := m.Read("It was a dark night, and the captain looked out over the sea, as he had done before.")
				require.NoError(b, err)
				for i := range texts {
					_, err := g.Add(pplm.Request{Prompt: prompt[:4+i%12], Length: 1 << 30, Samples: 1, Seed: uint64(i), Settings: preset.Settings})
					require.NoError(b, err)
				}
				require.NoError(b, g.Next(b.Context()))
				for b.Loop() {
					require.NoError(b, g.Next(b.Context()))
				}
				b.ReportMetric(float64(b.N*texts)/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}
