package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
	"github.com/tiller-ml/tiller/tensor"
)

// text writes n bytes of sentences to a file.
func text(t *testing.T, n int) string {
	words := strings.Fields("the tiller turns a ship by a small lever and the wind fills its sails while we steer")
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		word := words[tensor.Key{Seed: 5}.Block(uint64(i))[0]%uint32(len(words))]
		b.WriteString(word)
		b.WriteByte(" \n"[i%9/8])
	}
	path := filepath.Join(t.TempDir(), "text.txt")
	require.NoError(t, os.WriteFile(path, []byte(b.String()[:n]), 0o666))
	return path
}

// tiny are flags of a model and a batch that make steps of a millisecond.
func tiny(data, out string, more ...string) []string {
	return append([]string{
		"-data", data, "-out", out, "-emsize", "16", "-nhid", "32", "-mem", "40", "-batch_size", "3", "-bptt", "12",
		"-log-interval", "1", "-sample", "0", "-threads", "1",
	}, more...)
}

// everything are flags of a run of 150 steps that has all that a save must hold:
// a run in which the rate is halved, steps are skipped, weights averaged and
// dropped, gradients summed.
func everything(data, out string) []string {
	return tiny(data, out, "-steps", "150", "-eval-interval", "5", "-save-interval", "2", "-accumulate", "2",
		"-schedule", "plateau", "-patience", "2", "-warmup", "8", "-lr", "0.2", "-ema", "0.8", "-skip_outliers", "1",
		"-wdrop", "0.2", "-dropout", "0.1", "-dropouth", "0.1", "-dropouti", "0.1", "-recompute", "-keep", "3")
}

// train runs the command to its end and returns its log lines and what it
// printed.
func train(t *testing.T, args ...string) ([]runlog.Line, string) {
	var lines []runlog.Line
	var out bytes.Buffer
	err := run(t.Context(), args, &out, func(_ *trainer, l runlog.Line) { lines = append(lines, l) })
	require.NoError(t, err, out.String())
	return lines, out.String()
}

// stopAt runs the command and cancels its context after a step.
func stopAt(t *testing.T, step int, args ...string) ([]runlog.Line, string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lines []runlog.Line
	var out bytes.Buffer
	err := run(ctx, args, &out, func(_ *trainer, l runlog.Line) {
		lines = append(lines, l)
		if l.Step == step {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled, out.String())
	return lines, out.String()
}

// timeless are the lines without what differs from run to run.
func timeless(lines []runlog.Line) []runlog.Line {
	out := make([]runlog.Line, len(lines))
	for i, l := range lines {
		if l.Training != nil {
			copied := *l.Training
			copied.TokensPer = 0
			l.Training = &copied
		}
		l.Wall = 0
		out[i] = l
	}
	return out
}

// newest is the folder of a run's newest save.
func newest(t *testing.T, out string) string {
	numbers, err := listSaves(out)
	require.NoError(t, err)
	require.NotEmpty(t, numbers)
	return filepath.Join(out, saveName(numbers[0]))
}

// requireSameRun compares everything that two runs have learnt.
func requireSameRun(t *testing.T, want, got string) {
	requireSameFiles(t, want, got, sharnn.WeightsFile)
	a, b := newest(t, want), newest(t, got)
	requireSameFiles(t, a, b, sharnn.WeightsFile, optimizerFile, stateFile, bestFile)
	_, err := os.Stat(filepath.Join(a, averageFile))
	if err == nil {
		requireSameFiles(t, a, b, averageFile)
	}
	require.Equal(t, readPosition(t, a), readPosition(t, b))
}

// readPosition is where a save stands, but for the time that it took.
func readPosition(t *testing.T, dir string) (p position) {
	data, err := os.ReadFile(filepath.Join(dir, positionFile))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &p))
	p.Wall, p.Since.Seconds = 0, 0
	return p
}

func requireSameFiles(t *testing.T, want, got string, names ...string) {
	for _, name := range names {
		a, err := os.ReadFile(filepath.Join(want, name))
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(got, name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(a, b), "%s differs", name)
	}
}

func TestResumeGoesOnBitForBit(t *testing.T) {
	data := text(t, 1200) // an epoch is about eleven segments
	for _, c := range []struct {
		name  string
		stops [2]int
		more  []string
	}{
		{"adamw", [2]int{7, 14}, nil},
		{"lamb, dropout", [2]int{7, 14}, []string{"-optimizer", "lamb", "-dropout", "0.2", "-dropouth", "0.1", "-dropouti", "0.3"}},
		{"accumulate, linear", [2]int{7, 14}, []string{"-accumulate", "3", "-schedule", "linear", "-warmup", "5"}},
		{"sgd, fixed length", [2]int{7, 14}, []string{"-optimizer", "sgd", "-lr", "0.5", "-fixed-bptt"}},
		{"between two log lines", [2]int{5, 20}, []string{"-log-interval", "7"}},
		{"no attention", [2]int{7, 14}, []string{"-attention", "none"}},
		{"float64, all attend", [2]int{7, 14}, []string{"-dtype", "float64", "-attention", "all", "-heads", "2"}},
		{"where an evaluation is due", [2]int{7, 14}, []string{"-eval-interval", "7"}},
		{"by epochs", [2]int{7, 14}, []string{"-epochs", "2"}},
		{"tokens", [2]int{7, 14}, []string{"-tokens", "bpe:270"}},
		{"words, adaptive softmax", [2]int{4, 9}, []string{"-tokens", "words:15", "-splits", "3,8", "-bptt", "5"}},
		{"average", [2]int{7, 14}, []string{"-ema", "0.8"}},
		{"weight drop, recomputed", [2]int{7, 14}, []string{"-wdrop", "0.3", "-recompute", "-attention", "all", "-nlayers", "3"}},
		{"one segment", [2]int{7, 14}, []string{"-overfit"}},
		{"plateau, average", [2]int{12, 24}, []string{"-schedule", "plateau", "-patience", "1", "-eval-interval", "2", "-lr", "0.1", "-warmup", "2", "-ema", "0.5"}},
		{"stopped early", [2]int{3, 7}, []string{"-schedule", "constant", "-patience", "2", "-eval-interval", "2", "-lr", "0.5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole, parts := t.TempDir(), t.TempDir()
			args := append([]string{"-steps", "29", "-eval-interval", "5"}, c.more...)
			want, _ := train(t, tiny(data, whole, args...)...)

			got, _ := stopAt(t, c.stops[0], tiny(data, parts, args...)...)
			more, _ := stopAt(t, c.stops[1], "-resume", parts, "-threads", "2")
			got = append(got, more...)
			more, _ = train(t, "-resume", parts)
			got = append(got, more...)
			assert.Equal(t, timeless(want), timeless(got))
			requireSameRun(t, whole, parts)
			assert.Equal(t, timeless(want), timeless(readLog(t, filepath.Join(parts, "log.jsonl"))))
			requireDrawn(t, parts)
		})
	}
}

func readLog(t *testing.T, path string) []runlog.Line {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var lines []runlog.Line
	d := json.NewDecoder(bytes.NewReader(data))
	for d.More() {
		var l runlog.Line
		require.NoError(t, d.Decode(&l))
		lines = append(lines, l)
	}
	return lines
}

// What a run saved after its last save, in the log and as the best model, is
// done again.
func TestResumeAfterPowerCut(t *testing.T) {
	data := text(t, 1200)
	whole, cut := t.TempDir(), t.TempDir()
	args := []string{"-steps", "20", "-eval-interval", "100", "-save-interval", "6"}
	want, _ := train(t, tiny(data, whole, args...)...)
	held := t.TempDir()
	err := run(t.Context(), tiny(data, cut, args...), &bytes.Buffer{}, func(_ *trainer, l runlog.Line) {
		if l.Step == 16 && l.Split == "" {
			require.NoError(t, os.CopyFS(held, os.DirFS(cut)))
		}
	})
	require.NoError(t, err)
	require.Len(t, readLog(t, filepath.Join(held, "log.jsonl")), 16)
	got, _ := train(t, "-resume", held)
	assert.Equal(t, timeless(want[12:]), timeless(got))
	assert.Equal(t, timeless(want), timeless(readLog(t, filepath.Join(held, "log.jsonl"))))
	requireDrawn(t, held)
	requireSameRun(t, whole, held)
}

// Time only ever stops a run.
func TestSameStepsSameLosses(t *testing.T) {
	data := text(t, 2000)
	want, _ := train(t, tiny(data, t.TempDir(), "-steps", "25")...)
	for _, more := range [][]string{
		{"-minutes", "5"},
		{"-threads", "2"},
		{"-log", filepath.Join(t.TempDir(), "other.jsonl")},
		{"-eval-interval", "3"},
	} {
		got, _ := train(t, tiny(data, t.TempDir(), append([]string{"-steps", "25"}, more...)...)...)
		assert.Equal(t, onlyTraining(want), onlyTraining(got), "%v", more)
	}
	other, _ := train(t, tiny(data, t.TempDir(), "-steps", "25", "-seed", "3")...)
	assert.NotEqual(t, onlyTraining(want)[24].Loss, onlyTraining(other)[24].Loss)
}

func onlyTraining(lines []runlog.Line) []runlog.Line {
	var out []runlog.Line
	for _, l := range timeless(lines) {
		if l.Split == "" {
			out = append(out, l)
		}
	}
	return out
}

// A run of limited time measures its speed, fixes its steps, and what it saves
// as its configuration gives the same run.
func TestTimedRunFixesItsSteps(t *testing.T) {
	data, dir := text(t, 20000), t.TempDir()
	want, out := train(t, tiny(data, dir, "-minutes", "0.03")...)
	require.Contains(t, out, "measured")
	var s struct{ Steps, Hold int }
	config, err := os.ReadFile(filepath.Join(dir, "train.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(config, &s))
	require.Positive(t, s.Hold)
	require.Greater(t, s.Steps, s.Hold)
	training := onlyTraining(want)
	assert.Equal(t, 0.002, training[s.Hold-1].LR)
	assert.Less(t, training[s.Hold].LR, 0.002)

	// On a machine that is busy by turns the first run may have been stopped.
	got, _ := train(t, "-config", filepath.Join(dir, "train.json"), "-minutes", "0", "-out", t.TempDir())
	again := onlyTraining(got)
	assert.Equal(t, s.Steps, again[len(again)-1].Step)
	assert.InDelta(t, 0, again[len(again)-1].LR, 1e-9)
	assert.Equal(t, training, again[:len(training)])
}

// Where time stops a run of given steps, it is evaluated, and can go on.
func TestTimeStopsARun(t *testing.T) {
	data, whole, dir := text(t, 2000), t.TempDir(), t.TempDir()
	lines, out := train(t, tiny(data, dir, "-steps", "1000000", "-minutes", "0.005")...)
	assert.Contains(t, out, "stopped by -minutes")
	assert.Contains(t, out, "-resume "+dir+" -minutes 0.01")
	last := lines[len(lines)-1]
	assert.Equal(t, "test", last.Split)
	step := onlyTraining(lines)[len(onlyTraining(lines))-1].Step
	end := fmt.Sprint(step + 5)
	got, _ := train(t, "-resume", dir, "-minutes", "0", "-steps", end, "-schedule", "constant")
	want, _ := train(t, tiny(data, whole, "-steps", end, "-schedule", "constant")...)
	assert.NotEqual(t, onlyTraining(want)[step:], onlyTraining(got), "the rates before were others")
	assert.Len(t, onlyTraining(got), 5)
}

func TestLog(t *testing.T) {
	data, dir := text(t, 3000), t.TempDir()
	path := filepath.Join(t.TempDir(), "log.jsonl")
	train(t, tiny(data, dir, "-steps", "10", "-eval-interval", "4", "-log-interval", "3", "-log", path)...)
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	var seen []string
	for line := range strings.Lines(string(file)) {
		var l map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &l))
		assert.InDelta(t, l["loss"].(float64)/math.Ln2, l["bpc"], 1e-9)
		assert.Positive(t, l["tokens"])
		assert.Positive(t, l["wall_s"])
		split, evaluation := l["split"].(string)
		for _, name := range []string{"lr", "grad_norm", "tokens_per_s"} {
			assert.Equal(t, !evaluation, l[name] != nil, "%s: %s", name, line)
		}
		seen = append(seen, fmt.Sprint(l["step"], split))
	}
	// The best of the three evaluations is the one tested.
	require.Len(t, seen, 8)
	assert.Equal(t, []string{"3 ", "4 valid", "6 ", "8 valid", "9 ", "10 ", "10 valid"}, spaced(seen[:7]))
	assert.Contains(t, seen[7], "test")
	assert.NoFileExists(t, filepath.Join(dir, "log.jsonl"))
}

func spaced(names []string) []string {
	for i, name := range names {
		step, split, _ := strings.Cut(strings.Replace(name, "valid", " valid", 1), " ")
		names[i] = step + " " + strings.TrimSpace(split)
	}
	return names
}

// Every step gives back all that it took.
func TestStepsKeepNoMemory(t *testing.T) {
	data := text(t, 20000)
	live := map[int]int64{}
	err := run(t.Context(), tiny(data, t.TempDir(), "-steps", "300", "-eval-interval", "150", "-dropouth", "0.1"), &bytes.Buffer{},
		func(tr *trainer, l runlog.Line) {
			if l.Split == "" {
				live[l.Step] = tr.backend.(*cpu.Backend).LiveBytes()
			}
		})
	require.NoError(t, err)
	const full = 10 // the memory has all its rows
	for step := full; step <= 300; step++ {
		require.Equal(t, live[full], live[step], "step %d", step)
	}
}

func TestLearns(t *testing.T) {
	lines, out := train(t, tiny(text(t, 20000), t.TempDir(), "-steps", "150", "-lr", "0.01", "-sample", "40")...)
	training := onlyTraining(lines)
	assert.Less(t, training[149].Loss, training[0].Loss-1)
	assert.Contains(t, out, "  | ")
	assert.Contains(t, out, "go run ./sharnn/generate -checkpoint ")
	test := lines[len(lines)-1]
	assert.Equal(t, "test", test.Split)
	assert.Less(t, test.Loss, 2.0)
}

func TestDivergence(t *testing.T) {
	for _, c := range []struct{ every, want string }{
		{"50", `^step 2: the loss is .* the largest gradient, .*, is of \S+\.\S+; the last good checkpoint is .*save-000001, of step 0$`},
		{"1", `^step 1: the validation loss is NaN; the last good checkpoint is .*save-000001, of step 0$`},
	} {
		dir := t.TempDir()
		args := tiny(text(t, 2000), dir, "-steps", "50", "-eval-interval", c.every, "-optimizer", "sgd", "-lr", "1e30", "-clip", "0")
		err := run(t.Context(), args, &bytes.Buffer{}, nil)
		require.Error(t, err)
		assert.Regexp(t, c.want, err.Error())
		require.NoError(t, verify(newest(t, dir)))
		assert.NoFileExists(t, filepath.Join(dir, "model.safetensors"))
	}
}

func TestInterrupted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a run")
	lines, out := stopAt(t, 9, tiny(text(t, 2000), dir, "-steps", "50")...)
	assert.Equal(t, 9, lines[len(lines)-1].Step)
	assert.Contains(t, out, "stopped and saved at step 9")
	assert.Contains(t, out, "go run ./sharnn/train -resume '"+dir+"'")
	require.NoError(t, verify(newest(t, dir)))
}

func TestDamagedSave(t *testing.T) {
	data, whole := text(t, 2000), t.TempDir()
	args := []string{"-steps", "20", "-save-interval", "4"}
	want, _ := train(t, tiny(data, whole, args...)...)
	for _, name := range []string{"model.safetensors", "position.json", "SHA256SUMS", "state.safetensors"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			stopAt(t, 14, tiny(data, dir, args...)...)
			last := newest(t, dir)
			flip(t, filepath.Join(last, name))
			var out bytes.Buffer
			var got []runlog.Line
			err := run(t.Context(), []string{"-resume", dir}, &out, func(_ *trainer, l runlog.Line) { got = append(got, l) })
			require.NoError(t, err)
			assert.Contains(t, out.String(), "is damaged")
			assert.Equal(t, timeless(want[len(want)-len(got):]), timeless(got))
			assert.Equal(t, 13, got[0].Step)
			assert.DirExists(t, last+".damaged", "it does not count among the saves that are kept")
			requireSameRun(t, whole, dir)
		})
	}
	dir := t.TempDir()
	stopAt(t, 14, tiny(data, dir, args...)...)
	last := newest(t, dir)
	flip(t, filepath.Join(last, "model.safetensors"))
	require.NoError(t, os.Rename(last, last+".damaged"))
	require.NoError(t, os.Remove(filepath.Join(newest(t, dir), "position.json")))
	require.NoError(t, os.Rename(last+".damaged", last))
	err := run(t.Context(), []string{"-resume", dir}, &bytes.Buffer{}, nil)
	assert.ErrorContains(t, err, "no run to go on with")
}

// flip changes a bit in the middle of a file.
func flip(t *testing.T, path string) {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	require.NoError(t, os.WriteFile(path, data, 0o666))
}

func TestRefusesToResume(t *testing.T) {
	data, dir := text(t, 2000), t.TempDir()
	stopAt(t, 3, tiny(data, dir, "-steps", "10")...)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-resume", dir, "-emsize", "32"}, "-emsize is 32, but the run to go on with has 16"},
		{[]string{"-resume", dir, "-attention", "all"}, "-attention is all, but the run to go on with has one"},
		{[]string{"-resume", dir, "-optimizer", "lamb"}, "-optimizer is lamb"},
		{[]string{"-resume", dir, "-split", "80/20"}, "-split is 80/20"},
		{[]string{"-resume", dir, "-ema", "0.9"}, "-ema is 0.9, but the run to go on with has 0"},
		{[]string{"-resume", dir, "-overfit"}, "-overfit is true, but the run to go on with has false"},
		{[]string{"-resume", dir, "-tokens", "bpe:300"}, "-tokens is bpe:300, but the run to go on with has bytes"},
		{[]string{"-resume", dir, "-data", text(t, 2100)}, "another text"},
		{[]string{"-resume", dir, "-out", t.TempDir()}, "leave -out out"},
		{[]string{"-resume", dir, "-config", filepath.Join(dir, "train.json")}, "leave -config out"},
		{[]string{"-resume", t.TempDir()}, "no run to go on with"},
		{tiny(data, dir), "holds a run"},
	} {
		err := run(t.Context(), c.args, &bytes.Buffer{}, nil)
		assert.ErrorContains(t, err, c.want, "%v", c.args)
	}
}

// A moved text is the same text.
func TestResumeWithMovedText(t *testing.T) {
	data, dir := text(t, 2000), t.TempDir()
	stopAt(t, 3, tiny(data, dir, "-steps", "5")...)
	moved := filepath.Join(t.TempDir(), "moved.txt")
	require.NoError(t, os.Rename(data, moved))
	require.ErrorIs(t, run(t.Context(), []string{"-resume", dir}, &bytes.Buffer{}, nil), os.ErrNotExist)
	got, _ := train(t, "-resume", dir, "-data", moved)
	assert.Equal(t, 4, onlyTraining(got)[0].Step)
}

func TestBadInput(t *testing.T) {
	good, empty := text(t, 2000), filepath.Join(t.TempDir(), "empty.txt")
	require.NoError(t, os.WriteFile(empty, nil, 0o666))
	config := filepath.Join(t.TempDir(), "c.json")
	require.NoError(t, os.WriteFile(config, []byte(`{"emsize": "wide"}`), 0o666))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-data", "absent.txt"}, "absent.txt"},
		{[]string{"-data", empty}, "no text"},
		{[]string{"-data", text(t, 40), "-batch_size", "64"}, "too short for a batch of 64"},
		{[]string{"-data", text(t, 36), "-batch_size", "16"}, "too short for a batch of 16: it needs at least 3"},
		{[]string{"-data", text(t, 90), "-split", "99/1"}, "validation part has 1 byte"},
		{[]string{"-split", "90"}, "split"},
		{[]string{"-tokens", "letters"}, "-tokens letters: want bytes, words, or a kind and a number as in bpe:4096 and words:20000"},
		{[]string{"-tokens", "bpe:abc"}, "-tokens bpe:abc: want bytes, words, or a kind and a number"},
		{[]string{"-tokens", "bytes:300"}, "-tokens bytes:300: want bytes, words, or a kind and a number"},
		{[]string{"-tokens", "words:2"}, "-tokens words:2: want from 3 to 16777216 words"},
		{[]string{"-data", good, "-tokens", "words", "-split", "50/50"}, "which has no <unk>"},
		{[]string{"-splits", "20,10"}, "-splits 20,10: want auto, none, or whole numbers that increase, as in 2000,20000"},
		{[]string{"-splits", "0"}, "-splits 0: want auto"},
		{[]string{"-splits", "a,b"}, "-splits a,b: want auto"},
		{[]string{"-data", good, "-splits", "10,4000"}, "splits are [10 4000]: want them to increase, from 1 to below the "},
		{[]string{"-fetch", "enwik7"}, "-fetch enwik7: want one of enwik8, text8, wikitext-2, "},
		{[]string{"-fetch", "enwik8", "-data", good}, "-fetch and -data both name a text: leave one out"},
		{[]string{"-tokens", "bpe:10"}, "-tokens bpe:10: want from 257 to 65536 tokens"},
		{[]string{"-tokens", "bpe:99999999999999999999"}, "want bytes, words, or a kind and a number"},
		{[]string{"-data", good, "-tokens", "bpe:5000"}, "training a vocabulary of 5000 tokens: the pairs that occur twice in the text of 1800 bytes give only "},
		{[]string{"-data", good, "-tokens", "bpe:290", "-batch_size", "800"}, "too short for a batch of 800: it needs at least 1600 tokens"},
		{[]string{"-data", good, "-tokens", "bpe:290", "-split", "1800/199/1"}, "the test part has 1 token: it needs at least 2"},
		{[]string{"-data", good, "-split", "5/5/5"}, "neither 100 per cent"},
		{[]string{"-emsize", "x"}, "emsize"},
		{[]string{"-emsize", "0"}, "emsize is 0"},
		{[]string{"-nhid", "8"}, "nhid 8 is below emsize 256"},
		{[]string{"-heads", "3"}, "not a multiple of heads"},
		{[]string{"-attention", "some"}, `unknown attention "some"`},
		{[]string{"-mem", "-1"}, "mem is -1"},
		{[]string{"-batch_size", "0"}, "-batch_size is out of range: want at least 1"},
		{[]string{"-lr", "0"}, "-lr is out of range"},
		{[]string{"-lr", "NaN"}, "finite"},
		{[]string{"-dropout", "1"}, "-dropout is out of range"},
		{[]string{"-optimizer", "adagrad"}, `unknown optimizer "adagrad"`},
		{[]string{"-schedule", "step"}, `unknown schedule "step"`},
		{[]string{"-schedule", "linear", "-min_lr", "0.001"}, "-min_lr is for"},
		{[]string{"-cooldown", "3"}, "-cooldown is for"},
		{[]string{"-minutes", "0"}, "a run needs an end"},
		{[]string{"-second_pass", "2"}, "-second_pass is for"},
		{[]string{"-schedule", "plateau"}, "-schedule plateau needs -patience, such as 2"},
		{[]string{"-halvings", "2"}, "-halvings is for -schedule plateau"},
		{[]string{"-schedule", "plateau", "-patience", "2", "-cooldown", "9"}, "-cooldown is for -schedule constant"},
		{[]string{"-epochs", "2", "-schedule", "constant", "-second_pass", "1", "-patience", "2"}, "leave one out, or take -schedule plateau"},
		{[]string{"-epochs", "2", "-schedule", "plateau", "-patience", "2", "-second_pass", "1"}, "-second_pass is for"},
		{[]string{"-overfit", "-epochs", "2"}, "-overfit takes one segment again and again"},
		{[]string{"-overfit", "-accumulate", "2"}, "without -accumulate and -patience"},
		{[]string{"-overfit", "-patience", "2"}, "without -accumulate and -patience"},
		{[]string{"-keep", "0"}, "-keep is out of range: want at least 1"},
		{[]string{"-ema", "1"}, "-ema is out of range: want from 0 to less than 1"},
		{[]string{"-wdrop", "1"}, "-wdrop is out of range"},
		{[]string{"-skip_outliers", "0.5"}, "-skip_outliers is out of range: want 0, or 1 or more"},
		{[]string{"-dtype", "bf16"}, "tf32 and bf16 are cublas's"},
		{[]string{"-device", "1"}, "there is one CPU"},
		{[]string{"-dtype", "int32"}, "want float32, float64, tf32 or bf16"},
		{[]string{"-sample-top_p", "0"}, "top_p"},
		{[]string{"-layers", "3"}, "did you mean -nlayers?"},
		{[]string{"-config", config}, `"emsize": found the string "wide"`},
		{[]string{"-data", good, "-backend", "abacus"}, `unknown backend "abacus"`},
		{[]string{"-data", good, "-out", good}, "not a directory"},
		{[]string{"-data", good, "-out", t.TempDir(), "-log", t.TempDir()}, "opening the log"},
	} {
		args := append([]string{"-out", filepath.Join(t.TempDir(), "out"), "-minutes", "0.001"}, c.args...)
		err := run(t.Context(), args, &bytes.Buffer{}, nil)
		if assert.Error(t, err, "%v", c.args) {
			assert.Contains(t, err.Error(), c.want, "%v", c.args)
			assert.NotContains(t, err.Error(), "\n", "%v", c.args)
			assert.False(t, errors.Is(err, context.Canceled))
		}
	}
}

func TestFolder(t *testing.T) {
	for data, want := range map[string]string{
		"": "go", "enwik8.zip": "enwik8", "a/b/war and peace.txt.gz": "war-and-peace", ".": "text", "книга.txt": "text", ".hidden": "hidden",
	} {
		assert.Equal(t, want, (&settings{data: data}).folder(), data)
	}
}

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"runs/go-1": "runs/go-1", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "$x": "'$x'",
	} {
		assert.Equal(t, want, quote(word))
	}
}

func TestPrintable(t *testing.T) {
	assert.Equal(t, "a\n\tb  [2J é ?", printable([]byte("a\n\tb \x1b[2J é \xff")))
	assert.Equal(t, "1,234,567", thousands(1234567))
	assert.Equal(t, "12", thousands(12))
}
