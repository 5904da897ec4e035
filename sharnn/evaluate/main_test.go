package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/cublastest"
	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// text is what the tests' models are over: 2000 bytes of four kinds.
var text = func() []byte {
	text, key := make([]byte, 2000), tensor.Key{Seed: 4}
	for i := range text {
		text[i] = "\nabc"[int(4*key.Uniform(uint64(i)))]
	}
	return text
}()

// folder saves an untrained model, the text, and, unless it is empty, what
// train.json says, with TEXT for the text's path.
func folder(t *testing.T, train string) (dir, data string) {
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: 4, Width: 8, Hidden: 16, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 50,
	}, 1)
	require.NoError(t, err)
	defer m.Free()
	e := m.Encoder.Weight.Value // as drawn, a past would hardly matter
	b.Unary(backend.Unary{Kind: backend.Affine, A: 20}, e, e)
	dir = t.TempDir()
	require.NoError(t, m.Save(dir, corpus.NewByteVocab(text), nil))
	data = filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(data, text, 0o666))
	if train != "" {
		path, err := json.Marshal(data)
		require.NoError(t, err)
		train = strings.ReplaceAll(train, "TEXT", string(path))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "train.json"), []byte(train), 0o666))
	}
	return dir, data
}

// expected is what the library says of a piece of the text.
func expected(t *testing.T, dir string, piece []byte, memory int, e sharnn.Evaluation) sharnn.Result {
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, vocab, err := sharnn.LoadText(b, dir, 0)
	require.NoError(t, err)
	defer m.Free()
	ids, err := vocab.Encode(piece)
	require.NoError(t, err)
	r, err := sharnn.Evaluate(t.Context(), m.WithMemory(memory), ids, e)
	require.NoError(t, err)
	return r
}

func TestEvaluateJSON(t *testing.T) {
	const train = `{"data": TEXT, "split": "80/10/10", "bptt": 7, "lr": 0.5}`
	one := sharnn.Evaluation{Batch: 1, BPTT: 7}
	tests := []struct {
		name, train, args string
		part, split       string
		from, to          int
		memory            []int
		how               sharnn.Evaluation
	}{
		{"all from train.json", train, "", "test", "80/10/10", 1800, 2000, []int{50}, one},
		{"valid", train, "-part valid", "valid", "80/10/10", 1600, 1800, []int{50}, one},
		{"no test part", train, "-split 60/40", "valid", "60/40", 1200, 2000, []int{50}, one},
		{"bytes", train, "-split 1000/600/400", "test", "1000/600/400", 1600, 2000, []int{50}, one},
		{"memories", train, "-mem 0,9,2000", "test", "80/10/10", 1800, 2000, []int{0, 9, 2000}, one},
		{"lanes", train, "-batch_size 3 -bptt 4", "test", "80/10/10", 1800, 2000, []int{50}, sharnn.Evaluation{Batch: 3, BPTT: 4}},
		{"more lanes than targets", train, "-batch_size 1000", "test", "80/10/10", 1800, 2000, []int{50}, sharnn.Evaluation{Batch: 199, BPTT: 7}},
		{"without train.json", "", "-data TEXT", "test", "90/5/5", 1900, 2000, []int{50}, sharnn.Evaluation{Batch: 1, BPTT: 1024}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, data := folder(t, tt.train)
			args := append(strings.Fields(strings.ReplaceAll(tt.args, "TEXT", data)), "-checkpoint", dir, "-json")
			var out bytes.Buffer
			require.NoError(t, run(t.Context(), args, nil, &out, io.Discard))
			var r report
			require.NoError(t, json.Unmarshal(out.Bytes(), &r))
			n := tt.to - tt.from
			assert.Equal(t, report{dir, data, tt.split, tt.part, n, n - 1, "byte", tt.how.Batch, tt.how.BPTT, r.Lines}, r)
			require.Len(t, r.Lines, len(tt.memory))
			seen := map[float64]bool{}
			for i, memory := range tt.memory {
				want := expected(t, dir, text[tt.from:tt.to], memory, tt.how)
				l := r.Lines[i]
				assert.Equal(t, memory, l.Memory)
				assert.Equal(t, []float64{want.Nats, want.Reference}, []float64{l.Nats, l.ReferenceNats})
				assert.Equal(t, []float64{sharnn.Bits(want.Nats), sharnn.Bits(want.Reference)}, []float64{l.Bits, l.ReferenceBits})
				assert.Positive(t, l.Speed)
				assert.Positive(t, l.Seconds)
				seen[l.Nats] = true
			}
			assert.Len(t, seen, len(tt.memory), "the memory changes nothing")
		})
	}
}

// Of a model over tokens the figures are per byte too.
func TestEvaluateTokens(t *testing.T) {
	dir, data := folder(t, `{"data": TEXT, "split": "80/10/10", "bptt": 7}`)
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	tok, err := bpe.Train(t.Context(), string(text[:1600]), 270, nil)
	require.NoError(t, err)
	vocab := corpus.TokenVocab{BPE: tok}
	m, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: 270, Width: 8, Hidden: 16, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 50,
	}, 1)
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.Save(dir, vocab, nil))
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-checkpoint", dir, "-json"}, nil, &out, io.Discard))
	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	want := expected(t, dir, text[1800:], 50, sharnn.Evaluation{Batch: 1, BPTT: 7})
	assert.Equal(t, report{dir, data, "80/10/10", "test", 200, want.Targets, "token", 1, 7, r.Lines}, r)
	assert.InEpsilon(t, math.Exp(want.Nats), r.Lines[0].Perplexity, 1e-12)
	require.Less(t, want.Targets, 150)
	ids := tok.Encode(string(text[1800:]))
	perByte := float64(want.Targets) / float64(200-len(tok.Token(ids[0])))
	assert.InEpsilon(t, want.Nats*perByte, r.Lines[0].Nats, 1e-12)
	assert.InEpsilon(t, sharnn.Bits(want.Nats*perByte), r.Lines[0].Bits, 1e-12)
	assert.InEpsilon(t, want.Reference*perByte, r.Lines[0].ReferenceNats, 1e-12)
}

// A model over words with an adaptive softmax, of a folder with files of its own,
// is read in any type.
func TestEvaluateWords(t *testing.T) {
	corpusDir, dir := t.TempDir(), t.TempDir()
	parts := map[string]string{"train.txt": "a b c\nc b a d\n", "valid.txt": "a c\nb\n", "test.txt": "c a\na e b"}
	for name, text := range parts {
		require.NoError(t, os.WriteFile(filepath.Join(corpusDir, name), []byte(text), 0o666))
	}
	vocab, err := corpus.LearnWords(t.Context(), []byte(parts["train.txt"]), 6, nil)
	require.NoError(t, err)
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: 6, Width: 8, Hidden: 16, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 50, Splits: []int{2, 4},
	}, 1)
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.Save(dir, vocab, nil))
	ids, err := vocab.Encode([]byte(parts["test.txt"] + "\n"))
	require.NoError(t, err)
	want, err := sharnn.Evaluate(t.Context(), m, ids, sharnn.Evaluation{Batch: 1, BPTT: 4})
	require.NoError(t, err)
	for _, dtype := range []string{"", "float64", "bf16", "int8"} {
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), []string{"-checkpoint", dir, "-data", corpusDir, "-bptt", "4", "-dtype", dtype, "-json"}, nil, &out, io.Discard))
		var r report
		require.NoError(t, json.Unmarshal(out.Bytes(), &r))
		assert.Equal(t, report{dir, corpusDir, "its own files", "test", 9, 6, "word", 1, 4, r.Lines}, r)
		assert.InEpsilon(t, math.Exp(want.Nats), r.Lines[0].Perplexity, 1e-2, dtype)
		assert.InEpsilon(t, math.Log(r.Lines[0].Perplexity)*6/8, r.Lines[0].Nats, 1e-9, "8 bytes but for the first word")

		out.Reset()
		require.NoError(t, run(t.Context(), []string{"-checkpoint", dir, "-data", corpusDir, "-dtype", dtype}, nil, &out, io.Discard))
		assert.Contains(t, out.String(), "    per word ")
	}
}

func TestEvaluateTable(t *testing.T) {
	dir, data := folder(t, `{"data": TEXT, "split": "80/10/10", "bptt": 7}`)
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-checkpoint", dir, "-mem", "0,50"}, nil, &out, io.Discard))
	want := fmt.Sprintf("test part of %s (split 80/10/10): 200 bytes, batch_size 1, bptt 7\n\n", data) +
		"                  bits         nats      reference's      reference's   perplexity             \n" +
		"      mem     per char     per char    bits per char    nats per char     per byte     tokens/s\n"
	for _, memory := range []int{0, 50} {
		r := expected(t, dir, text[1800:], memory, sharnn.Evaluation{Batch: 1, BPTT: 7})
		want += fmt.Sprintf("%9d %12.5f %12.5f %16.5f %16.5f %12.4f        SPEED\n", memory,
			sharnn.Bits(r.Nats), r.Nats, sharnn.Bits(r.Reference), r.Reference, math.Exp(r.Nats))
	}
	assert.Equal(t, want, regexp.MustCompile(`(?m) {4} *\d+$`).ReplaceAllString(out.String(), "        SPEED"))
}

func TestLanesByLength(t *testing.T) {
	tests := []struct{ bytes, batch, want int }{
		{1, 0, 1}, {99_999, 0, 1}, {100_000, 0, 2}, {5_000_000, 0, mostLanes}, {100, 7, 7}, {100, 100, 99}, {5, 1 << 30, 4},
	}
	for _, tt := range tests {
		s := settings{batch: tt.batch}
		assert.Equal(t, tt.want, s.newReport(part{ids: corpus.NewIDs(make([]int32, tt.bytes), 0, 0)}).Lanes, "%d bytes", tt.bytes)
	}
}

// Rounding the weights moves the figure, and hardly.
func TestEvaluateDType(t *testing.T) {
	dir, _ := folder(t, `{"data": TEXT, "split": "80/10/10", "bptt": 7}`)
	nats := map[string]float64{}
	for _, dtype := range []string{"float32", "bf16", "int8"} {
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), []string{"-checkpoint", dir, "-dtype", dtype, "-json"}, nil, &out, io.Discard))
		var r report
		require.NoError(t, json.Unmarshal(out.Bytes(), &r))
		nats[dtype] = r.Lines[0].Nats
	}
	for _, dtype := range []string{"bf16", "int8"} {
		assert.NotEqual(t, nats["float32"], nats[dtype], dtype)
		assert.InDelta(t, nats["float32"], nats[dtype], 0.02, dtype)
	}
}

// A checkpoint that the CPU wrote measures the same on a GPU.
func TestEvaluateCublas(t *testing.T) {
	cublastest.Simulate(t)
	dir, data := folder(t, "")
	nats := func(more ...string) float64 {
		var out bytes.Buffer
		args := append([]string{"-checkpoint", dir, "-data", data, "-json", "-bptt", "20"}, more...)
		require.NoError(t, run(t.Context(), args, nil, &out, io.Discard))
		var r report
		require.NoError(t, json.Unmarshal(out.Bytes(), &r))
		return r.Lines[0].Nats
	}
	assert.InEpsilon(t, nats(), nats("-backend", "cublas"), 1e-5)
}

func TestEvaluateHelp(t *testing.T) {
	var out bytes.Buffer
	assert.ErrorIs(t, run(t.Context(), []string{"-h"}, nil, &out, nil), flag.ErrHelp)
	for _, name := range strings.Fields("checkpoint data split part mem dtype bptt batch_size json attention backend threads device config") {
		assert.Regexp(t, `\n  -`+name+`[ \n]`, out.String())
	}
}

func TestEvaluateStops(t *testing.T) {
	dir, data := folder(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := run(ctx, []string{"-checkpoint", dir, "-data", data}, nil, io.Discard, io.Discard)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestEvaluateErrors(t *testing.T) {
	known := `{"data": TEXT, "split": "80/10/10", "bptt": 7}`
	foreign := filepath.Join(t.TempDir(), "foreign")
	require.NoError(t, os.WriteFile(foreign, bytes.Repeat([]byte("abcx"), 100), 0o666))
	short := filepath.Join(t.TempDir(), "short")
	require.NoError(t, os.WriteFile(short, []byte("abc"), 0o666))
	tests := []struct{ name, train, args, want string }{
		{"no text", "", "", "no text: DIR/train.json does not name one, give it with -data"},
		{"missing text", known, "-data DIR/none", "reading text from DIR/none: stat DIR/none: no such file or directory"},
		{"empty text", known, "-data /dev/null", "neither a file nor a folder nor a pipe"},
		{"unknown byte", known, "-data " + foreign,
			foreign + `, test part: byte 0x78 ('x') at offset 3 is not among the 4 symbols of the vocabulary`},
		{"trained on the Go source", `{"data": "", "split": "90/10", "bptt": 7}`, "", "Go standard library"},
		{"the Go source by flag", known, "-data=", "Go standard library"},
		{"empty part", known, "-data " + short, short + ": split 80/10/10: 3 bytes are too few, the validation part is empty"},
		{"nothing to predict", known, "-split 1998/1/1", "evaluating: a text of 1 symbols has nothing to predict, it needs 2"},
		{"other length", known, "-split 5/5/5", "the numbers add up to 15, which is neither 100 per cent nor the text's 2000 bytes"},
		{"no test part", known, "-split 90/10 -part test", "the split 90/10 has no test part: evaluate -part valid"},
		{"part", known, "-part train", `unknown part "train": want valid or test`},
		{"split", known, "-split x", `split "x": want two or three numbers such as 90/5/5 or 90/10`},
		{"dtype", known, "-dtype fp8", `-dtype: unknown dtype "fp8": want float32, float64, bf16 or int8`},
		{"bptt", known, "-bptt -1", "-bptt is -1: want 1 or more, or 0 for the training's"},
		{"batch", known, "-batch_size -1", "-batch_size is -1: want 1 or more, or 0 for a choice by length"},
		{"mem", known, "-mem 5,-1", `invalid value "5,-1" for flag -mem: "-1" is not a number of positions, 0 or more`},
		{"unknown flag", known, "-batch-size 3", "no flag -batch-size; did you mean -batch_size?"},
		{"train.json is not JSON", "x", "", "reading the settings of the training: DIR/train.json: invalid character 'x'"},
		{"train.json of other types", `{"data": 5}`, "", "reading the settings of the training: DIR/train.json: json: cannot unmarshal number"},
		{"train.json with a bad bptt", `{"data": TEXT, "split": "90/10", "bptt": -4}`, "", "DIR/train.json: bptt is -4: want at least 1"},
		{"train.json with a bad split", `{"data": TEXT, "split": "90", "bptt": 4}`, "", `split "90": want two or three numbers`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, _ := folder(t, tt.train)
			args := append(strings.Fields(strings.ReplaceAll(tt.args, "DIR", dir)), "-checkpoint", dir)
			err := run(t.Context(), args, nil, io.Discard, io.Discard)
			require.ErrorContains(t, err, strings.ReplaceAll(tt.want, "DIR", dir))
			assert.NotContains(t, err.Error(), "\n")
		})
	}
	err := run(t.Context(), nil, nil, io.Discard, io.Discard)
	assert.EqualError(t, err, "no model: name the folder that train wrote with -checkpoint")
}

// However a checkpoint is damaged, the command ends with a result or with one
// line: a flipped bit in a weight is a weight like any other.
func TestEvaluateDamagedCheckpoint(t *testing.T) {
	dir, data := folder(t, "")
	args := []string{"-checkpoint", dir, "-data", data, "-bptt", "50", "-threads", "1"}
	for _, name := range []string{sharnn.ConfigFile, sharnn.WeightsFile} {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		step := max(len(whole)/150, 1)
		for i := 0; i < len(whole); i += step {
			flipped := bytes.Clone(whole)
			flipped[i] ^= 1 << (i / step % 8)
			for _, damaged := range [][]byte{flipped, whole[:i]} {
				require.NoError(t, os.WriteFile(path, damaged, 0o666))
				err := run(t.Context(), args, nil, io.Discard, io.Discard)
				if len(damaged) < len(whole)-2 {
					require.Error(t, err, "%s cut to %d bytes", name, i)
				}
				if err != nil {
					require.NotContains(t, err.Error(), "\n", "%s, byte %d", name, i)
				}
			}
		}
		require.NoError(t, os.WriteFile(path, whole, 0o666))
	}
	require.NoError(t, run(t.Context(), args, nil, io.Discard, io.Discard))
}

func TestEvaluateUnsoundWeights(t *testing.T) {
	dir, data := folder(t, "")
	path := filepath.Join(dir, sharnn.WeightsFile)
	weights, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range 16 { // the last tensor's numbers
		weights[len(weights)-1-i] = 0xff
	}
	require.NoError(t, os.WriteFile(path, weights, 0o666))
	err = run(t.Context(), []string{"-checkpoint", dir, "-data", data}, nil, io.Discard, io.Discard)
	assert.EqualError(t, err, "the loss is NaN: the model's parameters are not sound")
}
