package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/sharnn/corpus"
)

// Training needs no warm-up: without one, at the default learning rate, each of
// five seeds ends within 2 per cent of its own run with one.
func TestNoWarmupNeeded(t *testing.T) {
	if testing.Short() {
		t.Skip("trains ten models of 1000 steps")
	}
	source, err := corpus.GoSource("")
	require.NoError(t, err)
	data := filepath.Join(t.TempDir(), "source.go")
	require.NoError(t, os.WriteFile(data, source.Bytes[:1<<19], 0o666))
	final := func(seed int, warmup string) float64 {
		lines, _ := train(t, "-data", data, "-out", t.TempDir(), "-steps", "1000", "-seed", fmt.Sprint(seed), "-warmup", warmup,
			"-emsize", "32", "-nhid", "64", "-bptt", "32", "-batch_size", "8", "-mem", "100", "-sample", "0",
			"-eval-interval", "1000", "-log-interval", "500")
		for i := len(lines) - 1; i >= 0; i-- {
			if lines[i].Split == "valid" && lines[i].Step == 1000 {
				return lines[i].Loss
			}
		}
		t.Fatal("no validation at the last step")
		return 0
	}
	for seed := 1; seed <= 5; seed++ {
		cold, warm := final(seed, "0"), final(seed, "100")
		t.Logf("seed %d: %.4f nats without warm-up, %.4f with 100 steps of it", seed, cold, warm)
		assert.LessOrEqual(t, cold, 1.02*warm, "seed %d", seed)
	}
}
