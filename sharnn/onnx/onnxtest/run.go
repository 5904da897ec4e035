package onnxtest

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

//go:embed runtime.py
var script string

// Run is what a model is asked: segments of ids (T, Batch), row-major, one after
// the other from an empty state.
type Run struct {
	Batch    int       `json:"batch"`
	Segments [][]int32 `json:"segments"`
}

// Tensor is a part of an answer, row-major.
type Tensor struct {
	Shape []int `json:"shape"`
	Data  []float32

	At int `json:"at"` // where the data lie among all of a program's answers
}

// find takes the data from a program's answers.
func (x *Tensor) find(all []float32) { x.Data = all[x.At : x.At+tensor.Size(x.Shape)] }

// Result is a model's answer: the logits (T, B, V) of each segment and the state
// after the last, under the names of [sharnn.State.Sources].
type Result struct {
	Logits []Tensor          `json:"logits"`
	State  map[string]Tensor `json:"state"`
}

// Missing skips a test for want of what, or fails it where TILLER_REQUIRE has
// word.
func Missing(t testing.TB, word, what string) {
	t.Helper()
	if slices.Contains(strings.Fields(os.Getenv("TILLER_REQUIRE")), word) {
		t.Fatal(what)
	}
	t.Skip(what)
}

// Python is a Python that has onnxruntime.
func Python(t testing.TB) string {
	t.Helper()
	python := os.Getenv("TILLER_PYTHON")
	if python == "" {
		python = "python3"
	}
	out, err := exec.CommandContext(t.Context(), python, "-c", "import numpy, onnx, onnxruntime").CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		Missing(t, "onnxruntime", "no onnxruntime: "+python+": "+err.Error()+" "+lines[len(lines)-1])
	}
	return python
}

// Theirs are onnxruntime's answers to runs of the model in the file path, which
// onnx.checker has passed.
func Theirs(t testing.TB, path string, runs []Run) []Result {
	t.Helper()
	python := Python(t)
	plan, err := json.Marshal(map[string]any{"model": path, "runs": runs})
	require.NoError(t, err)
	dir := t.TempDir()
	file, numbers := filepath.Join(dir, "plan.json"), filepath.Join(dir, "numbers")
	require.NoError(t, os.WriteFile(file, plan, 0o666))
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), python, "-c", script, file, numbers)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	assert.Empty(t, stderr.String(), "what onnxruntime warns of")
	var results []Result
	require.NoError(t, json.Unmarshal(out, &results))
	raw, err := os.ReadFile(numbers)
	require.NoError(t, err)
	all := make([]float32, len(raw)/4)
	_, err = binary.Decode(raw, binary.LittleEndian, all)
	require.NoError(t, err)
	for _, r := range results {
		for i := range r.Logits {
			r.Logits[i].find(all)
		}
		for name, x := range r.State {
			x.find(all)
			r.State[name] = x
		}
	}
	return results
}

// Ours is m's answer to a run.
func Ours(t testing.TB, m *sharnn.Model, run Run) Result {
	t.Helper()
	s := m.NewState(run.Batch)
	defer s.Free()
	tape := autograd.NewTape(m.Backend)
	defer tape.Free()
	r := Result{State: map[string]Tensor{}}
	for _, ids := range run.Segments {
		T := len(ids) / run.Batch
		x := tape.Own(backend.FromSlice(m.Backend, ids, T, run.Batch))
		h, next := m.Run(m.Embed(x, nil), s.Carry(tape, T), nil)
		logits := m.Logits(h)
		s.Advance(next)
		data, err := backend.Data[float32](m.Backend, logits.Value)
		require.NoError(t, err)
		r.Logits = append(r.Logits, Tensor{Shape: slices.Clone(logits.Value.Shape), Data: data})
		tape.Reset()
	}
	var file bytes.Buffer
	require.NoError(t, safetensors.Encode(&file, nil, s.Sources()))
	parsed, err := safetensors.Parse(file.Bytes())
	require.NoError(t, err)
	for _, x := range parsed.Tensors {
		if strings.HasSuffix(x.Name, ".ring") {
			continue
		}
		data, err := x.Float32s()
		require.NoError(t, err)
		r.State[x.Name] = Tensor{Shape: x.Shape, Data: data}
	}
	return r
}

// Compare wants got's tensors to be want's, within tolerance times the largest
// number of each, and returns how far the farthest is.
func Compare(t testing.TB, want, got Result, tolerance float64) float64 {
	t.Helper()
	require.Len(t, got.Logits, len(want.Logits))
	most := 0.0
	for i := range want.Logits {
		d := distance(t, want.Logits[i], got.Logits[i])
		assert.LessOrEqual(t, d, tolerance, "logits of segment %d", i)
		most = max(most, d)
	}
	require.Len(t, got.State, len(want.State))
	for name, w := range want.State {
		require.Contains(t, got.State, name)
		d := distance(t, w, got.State[name])
		assert.LessOrEqual(t, d, tolerance, name)
		most = max(most, d)
	}
	return most
}

// distance is max |a-b| / max |a|.
func distance(t testing.TB, a, b Tensor) float64 {
	t.Helper()
	require.Equal(t, a.Shape, b.Shape)
	require.Len(t, b.Data, len(a.Data))
	difference, largest := 0.0, 0.0
	for i := range a.Data {
		x, y := float64(a.Data[i]), float64(b.Data[i])
		if math.IsNaN(y) {
			return math.Inf(1)
		}
		difference = max(difference, math.Abs(x-y))
		largest = max(largest, math.Abs(x))
	}
	if largest == 0 {
		return difference
	}
	return difference / largest
}
