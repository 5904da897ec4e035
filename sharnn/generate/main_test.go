package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// checkpoint saves an untrained model over the bytes of "\nabc".
func checkpoint(t *testing.T) string {
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
	dir := t.TempDir()
	require.NoError(t, m.Save(dir, corpus.NewByteVocab([]byte("\nabc")), nil))
	return dir
}

func output(t *testing.T, stdin string, args ...string) string {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), args, strings.NewReader(stdin), &out))
	return out.String()
}

func TestGenerate(t *testing.T) {
	dir := checkpoint(t)
	tests := []struct {
		name, stdin, args string
		prefix            string
		length            int // without a newline added at the end
	}{
		{"prompt", "", "-prompt abc -n 40", "abc", 43},
		{"no prompt", "", "-n 40", "", 40},
		{"default length", "", "", "", 500},
		{"from standard input", "cab\n", "-prompt - -n 10", "cab\n", 14},
		{"empty standard input", "", "-prompt - -n 10", "", 10},
		{"nothing to write", "", "-prompt ab -n 0", "ab", 2},
		{"nothing to write after a line", "cab\n", "-prompt - -n 0", "cab\n", 4},
		{"without memory", "", "-prompt ab -n 9 -mem 0", "ab", 11},
		{"greedy", "", "-n 9 -temperature 0", "", 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append(strings.Fields(tt.args), "-checkpoint", dir)
			out := output(t, tt.stdin, args...)
			require.True(t, strings.HasPrefix(out, tt.prefix), "%q", out)
			text, end := out[:tt.length], "\n"
			if strings.HasSuffix(text, "\n") {
				end = ""
			}
			assert.Equal(t, end, out[tt.length:], "after the text")
			assert.Empty(t, strings.Trim(out, "\nabc"), "bytes that the vocabulary lacks")
			assert.Equal(t, out, output(t, tt.stdin, args...), "a second run")
		})
	}
}

// A model over tokens writes whole tokens, and with the last of them at least as
// many bytes as it is asked for.
func TestGenerateTokens(t *testing.T) {
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	tok, err := bpe.Train(t.Context(), strings.Repeat("she sells sea shells ", 9), 264, nil)
	require.NoError(t, err)
	m, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: 264, Width: 8, Hidden: 16, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 50,
	}, 1)
	require.NoError(t, err)
	defer m.Free()
	dir := t.TempDir()
	require.NoError(t, m.Save(dir, corpus.TokenVocab{BPE: tok}, nil))
	for _, prompt := range []string{"", "she sells éÿ"} {
		out := output(t, "", "-checkpoint", dir, "-prompt", prompt, "-n", "200", "-temperature", "2")
		written, found := strings.CutPrefix(out, prompt)
		require.True(t, found, "%q", out)
		assert.GreaterOrEqual(t, len(written), 200)
		assert.LessOrEqual(t, len(written), 200+len(" shells")+1)
		assert.Equal(t, out, output(t, "", "-checkpoint", dir, "-prompt", prompt, "-n", "200", "-temperature", "2"))
	}
}

func TestGenerateFlagsMatter(t *testing.T) {
	dir := checkpoint(t)
	seen := map[string]string{}
	for _, args := range []string{"", "-seed 2", "-temperature 0", "-temperature 9", "-top_k 2", "-temperature 9 -top_p 0.9", "-prompt abcabc", "-mem 0", "-dtype bf16", "-dtype int8"} {
		out := output(t, "", append(strings.Fields(args), "-checkpoint", dir, "-n", "1500")...)
		same, found := seen[out]
		assert.False(t, found, "%q gives the text of %q", args, same)
		seen[out] = args
	}
}

// stopper notes each write and cancels at the n-th.
type stopper struct {
	writes []string
	n      int
	cancel context.CancelFunc
}

func (s *stopper) Write(p []byte) (int, error) {
	s.writes = append(s.writes, string(p))
	if len(s.writes) == s.n {
		s.cancel()
	}
	return len(p), nil
}

func TestGenerateStreamsAndStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := &stopper{n: 8, cancel: cancel}
	require.NoError(t, run(ctx, []string{"-checkpoint", checkpoint(t), "-prompt", "abcc", "-n", "1000000000"}, nil, w))
	assert.Equal(t, "abcc", w.writes[0])
	for _, p := range w.writes[1:8] {
		assert.Len(t, p, 1)
	}
	assert.True(t, strings.HasSuffix(strings.Join(w.writes, ""), "\n"))
	assert.LessOrEqual(t, len(w.writes), 9)
}

// A prompt that never comes does not outlive Ctrl-C.
func TestGenerateStopsReading(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	defer w.Close()
	go func() {
		w.Write([]byte("a"))
		cancel()
	}()
	err := run(ctx, []string{"-checkpoint", checkpoint(t), "-prompt", "-"}, r, io.Discard)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestGenerateHelp(t *testing.T) {
	var out bytes.Buffer
	assert.ErrorIs(t, run(t.Context(), []string{"-h"}, nil, &out), flag.ErrHelp)
	for _, name := range strings.Fields("checkpoint prompt n temperature top_k top_p seed mem dtype backend threads config") {
		assert.Contains(t, out.String(), "\n  -"+name+" ")
	}
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error)  { return 0, f.error }
func (f failing) Write([]byte) (int, error) { return 0, f.error }

func TestGenerateErrors(t *testing.T) {
	dir, empty := checkpoint(t), t.TempDir()
	foreign := copied(t, dir)
	edit(t, filepath.Join(foreign, sharnn.ConfigFile), `"nhid": 16`, `"nhid": 24`)
	fewer := copied(t, dir)
	edit(t, filepath.Join(fewer, sharnn.ConfigFile), `"nlayers": 2`, `"nlayers": 1`)
	cut := copied(t, dir)
	require.NoError(t, os.Truncate(filepath.Join(cut, sharnn.WeightsFile), 1000))
	bare := copied(t, dir)
	edit(t, filepath.Join(bare, sharnn.ConfigFile), `"vocab"`, `"other"`)
	broken := errors.New("broken")
	tests := []struct {
		name string
		args []string
		in   io.Reader
		out  io.Writer
		want string
	}{
		{"no checkpoint", nil, nil, nil, "no model: name the folder that train wrote with -checkpoint"},
		{"missing folder", []string{"-checkpoint", filepath.Join(empty, "x")}, nil, nil, "no such file or directory"},
		{"empty folder", []string{"-checkpoint", empty}, nil, nil, "no such file or directory"},
		{"not a folder", []string{"-checkpoint", filepath.Join(dir, sharnn.ConfigFile)}, nil, nil, "not a directory"},
		{"other shapes", []string{"-checkpoint", foreign}, nil, nil, "ff.linear1.weight is [16 8], the configuration says [24 8]"},
		{"other blocks", []string{"-checkpoint", fewer}, nil, nil, "the file has blocks.1."},
		{"truncated", []string{"-checkpoint", cut}, nil, nil, "cut short"},
		{"no vocabulary", []string{"-checkpoint", bare}, nil, nil, bare + ": config.json: the model is over bare ids: it has no vocab"},
		{"unknown byte", []string{"-checkpoint", dir, "-prompt", "abxc"}, nil, nil,
			`prompt: byte 0x78 ('x') at offset 2 is not among the 4 symbols of the vocabulary`},
		{"unreadable prompt", []string{"-checkpoint", dir, "-prompt", "-"}, failing{broken}, nil, "reading the prompt: broken"},
		{"endless prompt", []string{"-checkpoint", dir, "-prompt", "-"}, endless{}, nil, "reading the prompt: more than 16777216 bytes"},
		{"unwritable", []string{"-checkpoint", dir}, nil, failing{broken}, "broken"},
		{"temperature", []string{"-checkpoint", dir, "-temperature", "-1"}, nil, nil, "temperature is -1: want 0 or more"},
		{"top_p", []string{"-checkpoint", dir, "-top_p", "0"}, nil, nil, "top_p is 0: want more than 0 and at most 1"},
		{"n", []string{"-checkpoint", dir, "-n", "-5"}, nil, nil, "-n is -5: want 0 or more"},
		{"mem", []string{"-checkpoint", dir, "-mem", "-2"}, nil, nil, "-mem is -2: want 0 or more, or -1 for the model's own"},
		{"dtype", []string{"-checkpoint", dir, "-dtype", "int32"}, nil, nil, `-dtype: unknown dtype "int32": want float32, float64, bf16 or int8`},
		{"backend", []string{"-checkpoint", dir, "-backend", "abacus"}, nil, nil, `unknown backend "abacus": this program has cpu, cublas`},
		{"threads", []string{"-checkpoint", dir, "-threads", "-1"}, nil, nil, "negative number of threads"},
		{"unknown flag", []string{"-top-k", "3"}, nil, nil, "no flag -top-k; did you mean -top_k?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := tt.out
			if out == nil {
				out = io.Discard
			}
			err := run(t.Context(), tt.args, tt.in, out)
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func copied(t *testing.T, dir string) string {
	c := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(c, os.DirFS(dir)))
	return c
}

func edit(t *testing.T, path, old, new string) {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(data), old)
	require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(data, []byte(old), []byte(new)), 0o666))
}
