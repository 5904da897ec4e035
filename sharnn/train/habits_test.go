package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
	"github.com/tiller-ml/tiller/tensor"
)

// bestOf reads the weights of a run's best model.
func bestOf(t *testing.T, out string) map[string][]float32 {
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, _, err := sharnn.Load(b, out, 0)
	require.NoError(t, err)
	defer m.Free()
	return weights(t, m)
}

// The model that is evaluated and kept is the average of those of the steps.
func TestAverageIsWhatIsKept(t *testing.T) {
	out := t.TempDir()
	var want map[string][]float32
	step := 0
	follow := func(tr *trainer, l runlog.Line) {
		if l.Training == nil {
			return
		}
		if step++; want == nil { // drawn as the run's model was
			m, err := sharnn.New(tr.backend, tensor.Float32, tr.model.Config, tr.seed)
			require.NoError(t, err)
			defer m.Free()
			want = weights(t, m)
		}
		d := min(0.5, float64(step)/float64(step+9))
		for name, now := range weights(t, tr.model) {
			for i, w := range want[name] {
				want[name][i] = float32(d*float64(w) + (1-d)*float64(now[i]))
			}
		}
	}
	args := tiny(text(t, 4000), out, "-steps", "20", "-eval-interval", "20", "-ema", "0.5", "-lr", "0.01")
	require.NoError(t, run(t.Context(), args, &bytes.Buffer{}, follow))
	for name, got := range bestOf(t, out) {
		for i, w := range want[name] {
			require.InDelta(t, w, got[i], 1e-5, "%s[%d]", name, i)
		}
	}
}

func evaluations(lines []runlog.Line) (losses []float64) {
	for _, l := range lines {
		if l.Split == "valid" {
			losses = append(losses, l.Loss)
		}
	}
	return losses
}

// At a rate so high that single steps throw the weights about, their average is
// the better model, and learns from the same steps.
func TestAverageLearnsBetter(t *testing.T) {
	data := text(t, 20000)
	args := []string{"-steps", "300", "-lr", "0.04", "-schedule", "constant", "-eval-interval", "100"}
	plain, _ := train(t, tiny(data, t.TempDir(), args...)...)
	averaged, _ := train(t, tiny(data, t.TempDir(), append(args, "-ema", "0.98")...)...)
	assert.Equal(t, onlyTraining(plain), onlyTraining(averaged))
	without, with := evaluations(plain), evaluations(averaged)
	t.Logf("validation: %.4f without, %.4f with", without, with)
	for i := range without {
		assert.Less(t, with[i], without[i]-0.02, "evaluation %d", i)
	}
}

// The rate is halved after -patience evaluations that are no better, the model is
// the best one again, and in the end it is better than one at a constant rate.
func TestPlateau(t *testing.T) {
	data, out := text(t, 20000), t.TempDir()
	args := []string{"-steps", "400", "-lr", "0.06", "-eval-interval", "10", "-patience", "2"}
	halved, printed := train(t, tiny(data, out, append(args, "-schedule", "plateau", "-warmup", "2")...)...)

	best, stale, halvings, step := math.Inf(1), 0, 0, 0
	for _, l := range halved {
		switch {
		case l.Split == "valid":
			if stale++; l.Loss < best {
				best, stale = l.Loss, 0
			}
		case l.Split == "test":
		default:
			if stale == 2 {
				halvings, stale, step = halvings+1, 0, 0
			}
			step++
			warm := 1.0
			if step < 2 {
				warm = 0.5
			}
			require.Equal(t, math.Ldexp(0.06, -halvings)*warm, l.LR, "step %d", l.Step)
		}
	}
	assert.Equal(t, halvings, strings.Count(printed, "2 evaluations were no better than the best: from the model of step "))
	require.GreaterOrEqual(t, halvings, 3)

	constant, _ := train(t, tiny(data, t.TempDir(), append(args[:6:6], "-schedule", "constant", "-warmup", "2")...)...)
	lowest := math.Inf(1)
	for _, loss := range evaluations(constant) {
		lowest = min(lowest, loss)
	}
	t.Logf("best validation: %.4f at a constant rate, %.4f with %d halvings", lowest, best, halvings)
	assert.Less(t, best, lowest-0.02)
}

func TestPatienceEndsTheRun(t *testing.T) {
	data := text(t, 20000)
	args := []string{"-steps", "4000", "-lr", "0.06", "-eval-interval", "10", "-patience", "2"}
	for name, more := range map[string][]string{
		"constant": {"-schedule", "constant"},
		"halvings": {"-schedule", "plateau", "-halvings", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			lines, printed := train(t, tiny(data, out, append(args, more...)...)...)
			losses := evaluations(lines)
			last := len(losses) - 1
			require.Less(t, last, 100)
			assert.Less(t, losses[last-2], min(losses[last], losses[last-1])+1e-12)
			assert.Contains(t, printed, fmt.Sprintf("stopped at step %d/4000: the last 2 evaluations were no better than the best", 10*len(losses)))
			assert.Equal(t, "test", lines[len(lines)-1].Split)

			lines, _ = train(t, "-resume", out)
			assert.Len(t, lines, 1, "it is over")
			lines, _ = train(t, "-resume", out, "-patience", "3", "-steps", fmt.Sprint(10*len(losses)+5))
			assert.Len(t, onlyTraining(lines), 5, "it goes on")
		})
	}
}

func TestOverfit(t *testing.T) {
	data := text(t, 4000)
	plain, _ := train(t, tiny(data, t.TempDir(), "-steps", "1", "-fixed-bptt")...)
	lines, _ := train(t, tiny(data, t.TempDir(), "-steps", "250", "-overfit", "-lr", "0.02")...)
	lines = onlyTraining(lines)[:250]
	assert.Equal(t, plain[0].Loss, lines[0].Loss, "the text's first segment")
	assert.Less(t, lines[249].Loss, 0.05)
	assert.Zero(t, lines[249].Epoch)
	assert.Equal(t, int64(250*36), lines[249].Tokens)
}

// bursts are words, and once noise.
func bursts(t *testing.T, n int) string {
	path := text(t, n)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range n / 40 {
		data[n/2+i] = byte('A' + tensor.Key{Seed: 8}.Block(uint64(i))[0]%40)
	}
	require.NoError(t, os.WriteFile(path, data, 0o666))
	return path
}

// Steps on noise have far larger gradients than the others, and are not taken.
func TestSkipsOutliers(t *testing.T) {
	data := bursts(t, 24000)
	args := []string{"-batch_size", "1", "-steps", "1200", "-lr", "0.003", "-schedule", "constant", "-fixed-bptt", "-eval-interval", "1200", "-skip_outliers", "10"}
	var before map[string][]float32
	skipped, steps := 0, []int{}
	var printed bytes.Buffer
	err := run(t.Context(), tiny(data, t.TempDir(), args...), &printed, func(tr *trainer, l runlog.Line) {
		if l.Training == nil {
			return
		}
		now := weights(t, tr.model)
		if l.Skipped > skipped {
			assert.Equal(t, before, now, "step %d", l.Step)
			steps = append(steps, l.Step)
		} else if before != nil {
			assert.False(t, slices.Equal(before["encoder.weight"], now["encoder.weight"]), "step %d", l.Step)
		}
		skipped, before = l.Skipped, now
	})
	require.NoError(t, err)
	require.NotEmpty(t, steps)
	for _, step := range steps {
		assert.InDelta(t, 1020, step, 40, "the noise begins at byte 12 * 1000 and ends 600 bytes later")
	}
	assert.Equal(t, len(steps), strings.Count(printed.String(), "is skipped: its gradients' norm"))
	assert.Contains(t, printed.String(), fmt.Sprintf("skipped so far: %d\n", len(steps)))
}

// What is computed twice is the same, and weight drop is not part of evaluations.
func TestRecomputeAndWeightDrop(t *testing.T) {
	data, twice, once := text(t, 2000), t.TempDir(), t.TempDir()
	args := []string{"-steps", "20", "-dropouth", "0.2", "-wdrop", "0.3", "-nlayers", "3"}
	want, _ := train(t, tiny(data, once, args...)...)
	got, _ := train(t, tiny(data, twice, append(args, "-recompute")...)...)
	assert.Equal(t, timeless(want), timeless(got))
	requireSameRun(t, once, twice)

	args = []string{"-steps", "1", "-fixed-bptt", "-lr", "1e-30"}
	whole, _ := train(t, tiny(data, t.TempDir(), args...)...)
	dropped, _ := train(t, tiny(data, t.TempDir(), append(args, "-wdrop", "0.5")...)...)
	assert.NotEqual(t, whole[0].Loss, dropped[0].Loss)
	assert.Equal(t, evaluations(whole), evaluations(dropped))
}

// As many saves as -keep says are kept, and the newest that is whole is used, with
// the best model of its time.
func TestKeep(t *testing.T) {
	data, whole, dir := text(t, 4000), t.TempDir(), t.TempDir()
	args := []string{"-steps", "60", "-eval-interval", "10", "-save-interval", "5", "-keep", "4",
		"-schedule", "plateau", "-patience", "1", "-lr", "0.06"}
	want, printed := train(t, tiny(data, whole, args...)...)
	require.Contains(t, printed, "at half the rate")
	var copied bool
	err := run(t.Context(), tiny(data, dir+"/run", args...), &bytes.Buffer{}, func(tr *trainer, l runlog.Line) {
		// When the best model has just been replaced, before the next save.
		if !copied && l.Step > 30 && l.Split == "valid" && tr.Best.Step == l.Step {
			require.NoError(t, os.CopyFS(dir+"/cut", os.DirFS(tr.out)))
			copied = true
		}
	})
	require.NoError(t, err)
	require.True(t, copied)
	saves, err := listSaves(dir + "/cut")
	require.NoError(t, err)
	require.Len(t, saves, 4)
	for _, n := range saves[:3] {
		flip(t, filepath.Join(dir, "cut", saveName(n), "model.safetensors"))
	}
	from, err := findSaved(dir + "/cut")
	require.NoError(t, err)
	assert.Equal(t, saves[3], from.number)
	_, printed = train(t, "-resume", dir+"/cut")
	assert.Equal(t, 3, strings.Count(printed, "is damaged: the files are not those of"))
	assert.Equal(t, timeless(want), timeless(readLog(t, dir+"/cut/log.jsonl")))
	requireSameRun(t, whole, dir+"/cut")
}

// Damage to the best model leaves the run as it is.
func TestDamagedBest(t *testing.T) {
	data, dir := text(t, 2000), t.TempDir()
	stopAt(t, 14, tiny(data, dir, "-steps", "20", "-eval-interval", "6")...)
	require.NoError(t, os.Remove(filepath.Join(dir, sharnn.WeightsFile)))
	lines, printed := train(t, "-resume", dir, "-steps", "15")
	assert.NotContains(t, printed, "damaged", "the save has it too")
	assert.Equal(t, 15, onlyTraining(lines)[0].Step)

	dir = t.TempDir()
	stopAt(t, 14, tiny(data, dir, "-steps", "20", "-eval-interval", "6")...)
	require.NoError(t, os.Remove(filepath.Join(dir, sharnn.WeightsFile)))
	flip(t, filepath.Join(newest(t, dir), bestFile))
	_, printed = train(t, "-resume", dir)
	assert.Contains(t, printed, "is lost, and the next one that is evaluated takes its place")
	assert.Contains(t, printed, "best validation at step ")
}
