package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/sharnn/onnx"
	"github.com/tiller-ml/tiller/sharnn/onnx/onnxtest"
	"github.com/tiller-ml/tiller/tensor"
)

// books is a trained model over tokens, stored as int8.
const books = "../../pplm/books/model"

const letters = "\n abcdefghijklmnopqrstuvwxyz"

func newBackend(t *testing.T) backend.Backend {
	b, err := cpu.New(backend.Config{Threads: 1})
	require.NoError(t, err)
	t.Cleanup(func() { b.Close() })
	return b
}

// checkpoint saves a model over bytes that says something else after everything.
func checkpoint(t *testing.T, dtype tensor.DType, vocab corpus.Vocab) string {
	b := newBackend(t)
	dir, symbols := t.TempDir(), 28
	if vocab != nil {
		symbols = vocab.Len()
	}
	m, err := sharnn.New(b, max(dtype.Compute(), tensor.Float32), sharnn.Config{
		Symbols: symbols, Width: 32, Hidden: 64, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 20,
	}, 1)
	require.NoError(t, err)
	defer m.Free()
	e := m.Encoder.Weight.Value // as drawn, a past would hardly matter
	b.Unary(backend.Unary{Kind: backend.Affine, A: 20}, e, e)
	require.NoError(t, m.Save(dir, vocab, nil))
	if dtype == m.DType {
		return dir
	}
	stored, _, err := sharnn.Load(b, dir, dtype)
	require.NoError(t, err)
	defer stored.Free()
	require.NoError(t, stored.Save(dir, vocab, nil))
	return dir
}

func export(t *testing.T, args ...string) string {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), args, nil, &out, io.Discard))
	return out.String()
}

func TestExport(t *testing.T) {
	dir := checkpoint(t, tensor.Float32, corpus.NewByteVocab([]byte(letters)))
	out := filepath.Join(t.TempDir(), "new", "book.onnx")
	said := export(t, "-checkpoint", dir, "-o", out)
	for _, want := range []string{"wrote " + out + ", " + out + ".json: 0.1 MB, ", "N from 0 to 1", "blocks.0.memory  float (M, B, 32), M at most 20",
		"logits  float (T, B, 28)", "generate.py \"" + out + `" "It was " 300`} {
		assert.Contains(t, said, want)
	}
	assert.NotContains(t, said, "The checkpoint is of")
	files, err := filepath.Glob(filepath.Dir(out) + "/*")
	require.NoError(t, err)
	assert.Equal(t, []string{out, out + ".json"}, files)
	var d sharnn.Description
	doc, err := os.ReadFile(out + ".json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(doc, &d))
	vocab, err := d.LoadVocab(filepath.Dir(out))
	require.NoError(t, err)
	assert.Equal(t, corpus.NewByteVocab([]byte(letters)), vocab)
	assert.Equal(t, 20, d.Memory)

	assert.Contains(t, export(t, "-checkpoint", dir, "-o", out, "-mem", "7"), "M at most 7;")
	assert.NotContains(t, export(t, "-checkpoint", dir, "-o", out, "-mem", "0"), ".memory")
	assert.Contains(t, export(t, "-checkpoint", checkpoint(t, tensor.Float32, nil), "-o", out), "it has no vocabulary")
}

// A model over tokens has its vocabulary's files beside it, and a checkpoint's
// own files stay as they are.
func TestExportTokens(t *testing.T) {
	out := filepath.Join(t.TempDir(), "model.onnx")
	assert.Contains(t, export(t, "-checkpoint", books, "-o", out), "The checkpoint is of int8: its numbers are widened to float32")
	for _, name := range []string{"vocab.json", "merges.txt"} {
		assert.FileExists(t, filepath.Join(filepath.Dir(out), name))
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(books)))
	export(t, "-checkpoint", dir, "-o", filepath.Join(dir, "model.onnx"))
	for _, name := range []string{"vocab.json", "merges.txt", "config.json", "model.safetensors"} {
		want, err := os.ReadFile(filepath.Join(books, name))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(want, got), name)
	}
}

// ids are symbols without meaning, segments of T times batch.
func ids(symbols, batch int, lengths ...int) onnxtest.Run {
	run := onnxtest.Run{Batch: batch}
	for n, T := range lengths {
		part := make([]int32, T*batch)
		for i := range part {
			part[i] = int32(float64(symbols) * tensor.Key{Seed: 5, Step: uint32(n)}.Uniform(uint64(i)))
		}
		run.Segments = append(run.Segments, part)
	}
	return run
}

// A checkpoint of any dtype, exported, is the model that it is in float32.
func TestExportRuns(t *testing.T) {
	onnxtest.Python(t)
	vocab := corpus.NewByteVocab([]byte(letters))
	for _, tt := range []struct {
		name, dir, says string
		lengths         []int
	}{
		{"float64", checkpoint(t, tensor.Float64, vocab), "is of float64: its numbers are rounded", []int{8, 12, 4}},
		{"bf16", checkpoint(t, tensor.BFloat16, vocab), "is of bfloat16: its numbers are widened", []int{8, 12, 4}},
		{"int8", checkpoint(t, tensor.Int8, vocab), "is of int8: its numbers are widened", []int{8, 12, 4}},
		{"trained", books, "is of int8", []int{300, 212, 64}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "model.onnx")
			assert.Contains(t, export(t, "-checkpoint", tt.dir, "-o", out), tt.says)
			m, _, err := sharnn.Load(newBackend(t), tt.dir, tensor.Float32)
			require.NoError(t, err)
			defer m.Free()
			runs := []onnxtest.Run{ids(m.Config.Symbols, 1, tt.lengths...), ids(m.Config.Symbols, 2, tt.lengths...)}
			for i, got := range onnxtest.Theirs(t, out, runs) {
				t.Logf("at most %.1e of the largest", onnxtest.Compare(t, onnxtest.Ours(t, m, runs[i]), got, 1e-5))
			}
		})
	}
}

func TestExportHelp(t *testing.T) {
	var out bytes.Buffer
	assert.ErrorIs(t, run(t.Context(), []string{"-h"}, nil, &out, io.Discard), flag.ErrHelp)
	for _, name := range strings.Fields("checkpoint o mem config") {
		assert.Contains(t, out.String(), "\n  -"+name+" ")
	}
}

func TestExportErrors(t *testing.T) {
	dir, out := checkpoint(t, tensor.Float32, corpus.NewByteVocab([]byte(letters))), t.TempDir()
	file := filepath.Join(out, "m.onnx")
	foreign := t.TempDir()
	require.NoError(t, os.CopyFS(foreign, os.DirFS(dir)))
	doc, err := os.ReadFile(filepath.Join(foreign, sharnn.ConfigFile))
	require.NoError(t, err)
	doc = bytes.Replace(doc, []byte("10,"), []byte("9,\n10,"), 1)
	require.NoError(t, os.WriteFile(filepath.Join(foreign, sharnn.ConfigFile), doc, 0o666))
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"no checkpoint", "no model: name the folder that train wrote with -checkpoint", []string{"-o", file}},
		{"no file", "nowhere to write: name the file with -o", []string{"-checkpoint", dir}},
		{"a folder", "is a folder: name a file in it", []string{"-checkpoint", dir, "-o", out}},
		{"mem", "-mem is -2: want 0 or more", []string{"-checkpoint", dir, "-o", file, "-mem", "-2"}},
		{"missing folder", "no such file or directory", []string{"-checkpoint", filepath.Join(out, "x"), "-o", file}},
		{"another vocabulary", "vocab has 29 symbols, ntoken says 28", []string{"-checkpoint", foreign, "-o", file}},
		{"below a file", "not a directory", []string{"-checkpoint", dir, "-o", filepath.Join(dir, sharnn.ConfigFile, "x.onnx")}},
		{"unknown flag", "no flag -out (-h lists them)", []string{"-out", file}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := run(t.Context(), tt.args, nil, io.Discard, io.Discard)
			require.ErrorContains(t, err, tt.want)
			assert.NoFileExists(t, file)
			assert.NoFileExists(t, file+onnx.DataSuffix)
		})
	}
}
