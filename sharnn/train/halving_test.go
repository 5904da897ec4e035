package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
)

// TestConfigs reads every configuration that comes with the program.
func TestConfigs(t *testing.T) {
	paths, err := filepath.Glob("configs/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		s, _, err := parseArgs([]string{"-config", path, "-data", "some.txt"}, t.Output())
		require.NoError(t, err, path)
		_, err = s.modelConfig(205)
		require.NoError(t, err, path)
	}
}

// twoPasses are flags of a run of two epochs and a second pass of one.
func twoPasses(data, out string) []string {
	return tiny(data, out, "-schedule", "constant", "-lr", "0.004", "-warmup", "3",
		"-epochs", "2", "-second_pass", "1", "-eval-interval", "10", "-fixed-bptt")
}

func TestSecondPass(t *testing.T) {
	data, whole, cut := text(t, 2000), t.TempDir()+"/whole", t.TempDir()+"/cut"
	var turn int
	lines, printed := train(t, twoPasses(data, whole)...)
	require.Contains(t, printed, "second pass: from the model of step")
	rates := map[int]float64{}
	for i, l := range lines {
		if l.Training == nil {
			continue
		}
		rates[l.Step] = l.Training.LR
		if i > 0 && l.Training.LR < rates[l.Step-1] {
			require.Zero(t, turn, "the rate falls once")
			turn = l.Step - 1
		}
	}
	last := lines[len(lines)-1].Step
	assert.InDelta(t, 2*(last-turn), turn, 2, "two epochs, then one")
	assert.Equal(t, 0.004, rates[turn])
	assert.InDelta(t, 0.002/3, rates[turn+1], 1e-12)
	assert.InDelta(t, 0.002, rates[turn+3], 1e-12)
	assert.Equal(t, 0.002, rates[last])

	for _, stop := range []int{turn, turn + 2} {
		before, _ := stopAt(t, stop, twoPasses(data, cut)...)
		after, _ := train(t, "-resume", cut)
		assert.Equal(t, onlyTraining(timeless(lines)), onlyTraining(timeless(append(before, after...))))
		requireSameFiles(t, newest(t, whole), newest(t, cut), sharnn.WeightsFile, optimizerFile)
		cut += "2"
	}
}

func TestSecondPassBeginsWithTheBestModel(t *testing.T) {
	out := t.TempDir() + "/out"
	compared := false
	err := run(t.Context(), twoPasses(text(t, 2000), out), t.Output(), func(tr *trainer, l runlog.Line) {
		if l.Training == nil || l.Step != 15 {
			return
		}
		require.Equal(t, 10, tr.Best.Step)
		best, _, err := sharnn.Load(tr.backend, out, 0)
		require.NoError(t, err)
		defer best.Free()
		require.NotEmpty(t, tr.rule.State().Tensors)
		require.NotEqual(t, weights(t, best), weights(t, tr.model))
		require.NoError(t, tr.halve())
		require.Equal(t, weights(t, best), weights(t, tr.model))
		require.Empty(t, tr.rule.State().Tensors)
		compared = true
	})
	require.NoError(t, err)
	require.True(t, compared)
}

func weights(t *testing.T, m *sharnn.Model) map[string][]float32 {
	all := map[string][]float32{}
	for name, p := range m.Params() {
		data, err := backend.Data[float32](m.Backend, p.Value)
		require.NoError(t, err)
		all[name] = data
	}
	return all
}

// A run of many parts, each stopped after an evaluation, is one of a single part.
func TestPlateauInParts(t *testing.T) {
	data, whole, dir := text(t, 2000), t.TempDir(), t.TempDir()
	want, _ := train(t, everything(data, whole)...)
	args := everything(data, dir)
	for step := 6; step < 150; step += 5 {
		stopAt(t, step, args...)
		args = []string{"-resume", dir}
	}
	train(t, args...)
	assert.Equal(t, timeless(want), timeless(readLog(t, filepath.Join(dir, "log.jsonl"))))
	requireSameRun(t, whole, dir)
}
