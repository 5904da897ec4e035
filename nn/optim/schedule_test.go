package optim_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/nn/optim"
)

func TestSchedules(t *testing.T) {
	tests := []struct {
		name string
		s    optim.Schedule
		want map[int]float64
	}{
		{"constant", optim.Constant(2), map[int]float64{1: 2, 1000: 2}},
		{"warm-up", optim.WarmupCooldown(2, 4, 0), map[int]float64{1: 0.5, 2: 1, 4: 2, 5: 2, 1000: 2}},
		{"no warm-up", optim.WarmupCooldown(2, 0, 0), map[int]float64{1: 2, 2: 2}},
		{"cool-down", optim.WarmupCooldown(2, 4, 10), map[int]float64{1: 0.5, 4: 2, 10: 2, 11: 1.8, 15: 1, 20: 0, 50: 0}},
		{"cool-down within the warm-up", optim.WarmupCooldown(2, 100, 10), map[int]float64{10: 0.2, 12: 2 * max(0.12-0.2, 0), 20: 0}},
		{"linear", optim.Linear(2, 0, 4), map[int]float64{1: 1.5, 2: 1, 3: 0.5, 4: 0, 5: 0}},
		{"linear after warm-up", optim.Linear(2, 2, 4), map[int]float64{1: 1, 2: 2, 3: 1.5, 5: 0.5, 6: 0, 9: 0}},
		{"cosine", optim.Cosine(2, 1, 0, 4), map[int]float64{1: 1.5 + math.Sqrt2/4, 2: 1.5, 3: 1.5 - math.Sqrt2/4, 4: 1, 9: 1}},
		{"cosine after warm-up", optim.Cosine(2, 0.5, 4, 10), map[int]float64{1: 0.5, 2: 1, 4: 2, 9: 1.25, 14: 0.5, 20: 0.5}},
		{"cosine over nothing", optim.Cosine(2, 0.5, 2, 0), map[int]float64{1: 1, 2: 0.5, 3: 0.5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for step, want := range tt.want {
				assert.InDelta(t, want, tt.s(step), 1e-15, "step %d", step)
			}
		})
	}
}

// TestGoldenSchedule compares the learning rates of the golden training runs,
// bit for bit.
func TestGoldenSchedule(t *testing.T) {
	root := os.Getenv("TILLER_GOLDEN")
	if root == "" {
		root = filepath.Join("..", "..", "testdata", "golden")
	}
	paths, err := filepath.Glob(filepath.Join(root, "sharnn", "*", "case.json"))
	require.NoError(t, err)
	found := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var c struct {
			Config struct {
				LR     float64
				Warmup int
			}
			Expected struct{ LRs []float64 }
		}
		if json.Unmarshal(text, &c) != nil || c.Expected.LRs == nil {
			continue
		}
		found++
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			schedule := optim.WarmupCooldown(c.Config.LR, c.Config.Warmup, 0)
			for i, want := range c.Expected.LRs {
				assert.Equal(t, want, schedule(i+1), "step %d", i+1)
			}
		})
	}
	require.Positive(t, found)
}
