package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
)

// BenchmarkDecode draws one symbol after another, each read before the next is
// drawn, with so many positions of the past in sight.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct{ width, rows int }{{256, 0}, {256, 1000}, {256, 5000}, {1024, 0}} {
		eachThreads(b, fmt.Sprintf("emsize=%d/rows=%d", c.width, c.rows), func(b *testing.B, cpu backend.Backend) {
			m := newModel(b, cpu, c.width, c.rows, 1)
			s, err := sharnn.NewSampler(m, sharnn.Sampling{TopP: 1})
			require.NoError(b, err)
			defer s.Free()
			require.NoError(b, s.Feed(context.Background(), make([]int32, c.rows+1)))
			loopSteps(b, 1, func() {
				if _, err := s.Next(); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
