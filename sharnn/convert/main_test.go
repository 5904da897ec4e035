package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// refused wants the command to fail and to leave nothing beside out.
func refused(t *testing.T, want, out string, args ...string) {
	t.Helper()
	before, err := os.ReadDir(filepath.Dir(out))
	require.NoError(t, err)
	require.ErrorContains(t, run(t.Context(), args, nil, io.Discard, io.Discard), want)
	after, err := os.ReadDir(filepath.Dir(out))
	require.NoError(t, err)
	assert.Equal(t, len(before), len(after), "files beside %s", out)
}

func TestHelp(t *testing.T) {
	var out strings.Builder
	assert.ErrorIs(t, run(t.Context(), []string{"-h"}, nil, &out, io.Discard), flag.ErrHelp)
	for _, name := range strings.Fields("from o force data words like mem heads residual memory_quirk criterion splits config") {
		assert.Contains(t, out.String(), "\n  -"+name)
	}
}

// What fits the reference's model alone is taken, and the error names everything
// that does not.
func TestMisfits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(all map[string]safetensors.Tensor)
		want   []string
	}{
		{"missing", func(all map[string]safetensors.Tensor) {
			delete(all, "blocks.1.attn.qs")
			delete(all, "blocks.2.rnn.bias_hh_l0")
		}, []string{"it lacks blocks.1.attn.qs [1 1 4]", "it lacks blocks.2.rnn.bias_hh_l0 [16]"}},
		{"bidirectional", func(all map[string]safetensors.Tensor) {
			put(all, "blocks.0.rnn.weight_ih_l0_reverse", 16, 4)
			put(all, "blocks.0.rnn.bias_ih_l0_reverse", 16)
		}, []string{"it has blocks.0.rnn.weight_ih_l0_reverse [16 4], for which the model has no place", "blocks.0.rnn.bias_ih_l0_reverse [16]"}},
		{"shapes", func(all map[string]safetensors.Tensor) {
			put(all, "blocks.0.rnn.weight_hh_l0", 12, 4)
			put(all, "decoder.bias", 8)
		}, []string{"it has blocks.0.rnn.weight_hh_l0 [12 4] instead of [16 4]", "it has decoder.bias [8] instead of [7]"}},
		{"not tied", func(all map[string]safetensors.Tensor) { put(all, "decoder.weight", 7, 4) },
			[]string{"the decoder is not tied to the embeddings, which the model wants: encoder.weight [7 4] and decoder.weight [7 4] differ"}},
		{"gate", func(all map[string]safetensors.Tensor) { put(all, "blocks.1.attn.r.weight", 4, 8) },
			[]string{"it has blocks.1.attn.r.weight [4 8], for which the model has no place"}},
		{"second matrix", func(all map[string]safetensors.Tensor) { put(all, "blocks.1.ff.linear2.weight", 4, 9) },
			[]string{"it has blocks.1.ff.linear2.weight [4 9], for which the model has no place"}},
		{"a block left out", func(all map[string]safetensors.Tensor) {
			for name := range all {
				if strings.HasPrefix(name, "blocks.1.") {
					delete(all, name)
				}
			}
		}, []string{"it lacks blocks.1.rnn.weight_hh_l0 [16 4]", "it has blocks.2.lnff.bias [4], for which"}},
		{"integers", func(all map[string]safetensors.Tensor) {
			x := all["decoder.bias"]
			x.DType, x.Data = safetensors.I32, make([]byte, 28)
			all[x.Name] = x
		}, []string{"it has decoder.bias [7] of I32"}},
		{"another model", func(all map[string]safetensors.Tensor) {
			clear(all)
			put(all, "wte.weight", 7, 4)
		}, []string{"not a state dict of the reference's SHARNN", "it has wte.weight [7 4]"}},
		{"groups", func(all map[string]safetensors.Tensor) { put(all, "tail_vectors", 2, 4) },
			[]string{"tail_vectors has 2 rows, and the reference has 0 split points for 7 symbols"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := maps.Clone(tensors(t, "testdata/state.pt"))
			tt.change(all)
			in := filepath.Join(t.TempDir(), "state.pt")
			write(t, in, "", all)
			out := filepath.Join(t.TempDir(), "model")
			for _, want := range tt.want {
				refused(t, want, out, "-from", in, "-o", out)
			}
		})
	}
}

// put puts a float32 tensor of zeros among others.
func put(all map[string]safetensors.Tensor, name string, shape ...int) {
	n := 4
	for _, d := range shape {
		n *= d
	}
	all[name] = safetensors.Tensor{Name: name, DType: safetensors.F32, Shape: shape, Data: make([]byte, n)}
}

// Either name of the tied matrix is enough: safetensors' own save_model keeps one.
func TestTiedOnce(t *testing.T) {
	want := filepath.Join(t.TempDir(), "model")
	convert(t, "-from", "testdata/state.pt", "-o", want)
	for _, name := range []string{"encoder.weight", "decoder.weight"} {
		all := tensors(t, "testdata/state.pt")
		delete(all, name)
		in := filepath.Join(t.TempDir(), "once.safetensors")
		write(t, in, "", all)
		got := filepath.Join(t.TempDir(), "model")
		convert(t, "-from", in, "-o", got)
		sameFolder(t, want, got)
	}
}

// A dtype that loses nothing is chosen, and stored models come back as they are.
func TestDTypes(t *testing.T) {
	collapsed := tiny(4)
	collapsed.Collapsed = true
	plain := tiny(4)
	plain.Attention = []int{}
	for _, tt := range []struct {
		name, says string
		config     sharnn.Config
		dtype      tensor.DType
		back       string
	}{
		{"float64", "model.double()", tiny(4), tensor.Float64, "float64"},
		{"bf16", "vq_collapse() for block", tiny(4), tensor.BFloat16, "bfloat16"},
		{"int8", "is of int8: its numbers are widened", tiny(4), tensor.Int8, "float32"},
		{"collapsed", "vq_collapse() for block", collapsed, tensor.Float32, "float32"},
		{"no attention", "use_attn=idx in []", plain, tensor.Float32, "float32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from, dir := fresh(t, tt.config, tt.dtype, nil), t.TempDir()
			state, model, again := filepath.Join(dir, "state.pt"), filepath.Join(dir, "model"), filepath.Join(dir, "again.pt")
			assert.Contains(t, convert(t, "-from", from, "-o", state), tt.says)
			convert(t, "-from", state, "-o", model, "-like", from)
			d, err := sharnn.Describe(model)
			require.NoError(t, err)
			assert.Equal(t, tt.back, d.DType)
			convert(t, "-from", model, "-o", again)
			assert.Equal(t, tensors(t, state), tensors(t, again))
			if tt.dtype != tensor.Int8 {
				assert.Equal(t, tensors(t, filepath.Join(from, sharnn.WeightsFile)), tensors(t, filepath.Join(model, sharnn.WeightsFile)))
			}
		})
	}
}

// Numbers of half precision are widened exactly.
func TestHalf(t *testing.T) {
	all := tensors(t, "testdata/state.pt")
	for name, x := range all {
		x.DType, x.Data = safetensors.F16, x.Data[:len(x.Data)/2]
		for i := 1; i < len(x.Data); i += 2 {
			x.Data[i] &^= 0x40 // no infinities
		}
		all[name] = x
	}
	all["decoder.weight"] = safetensors.Tensor{Name: "decoder.weight", DType: safetensors.F16, Shape: []int{7, 4}, Data: all["encoder.weight"].Data}
	dir := t.TempDir()
	in, model := filepath.Join(dir, "half.pt"), filepath.Join(dir, "model")
	write(t, in, "", all)
	assert.Contains(t, convert(t, "-from", in, "-o", model), "Numbers of 16 bits are widened to float32")
	for name, got := range tensors(t, filepath.Join(model, sharnn.WeightsFile)) {
		assert.Equal(t, safetensors.F32, got.DType)
		x := all[name]
		want, err := x.Float32s()
		require.NoError(t, err)
		numbers, err := got.Float32s()
		require.NoError(t, err)
		assert.Equal(t, want, numbers, name)
	}
}

// What is there is replaced with -force alone, and of a folder the model's files
// alone.
func TestForce(t *testing.T) {
	dir := t.TempDir()
	model, state := filepath.Join(dir, "model"), filepath.Join(dir, "state.pt")
	require.NoError(t, os.Mkdir(model, 0o777)) // an empty folder needs no force
	convert(t, "-from", "testdata/state.pt", "-o", model)
	log := filepath.Join(model, "log.jsonl")
	require.NoError(t, os.WriteFile(log, []byte("{}\n"), 0o666))
	refused(t, model+" is there already", model, "-from", "testdata/both_legacy.pt", "-splits", "3,5", "-o", model)
	convert(t, "-from", "testdata/both_legacy.pt", "-splits", "3,5", "-o", model, "-force")
	d, err := sharnn.Describe(model)
	require.NoError(t, err)
	assert.Equal(t, []int{3, 5}, d.Splits)
	assert.FileExists(t, log)
	entries, err := os.ReadDir(model)
	require.NoError(t, err)
	assert.Len(t, entries, 3)

	require.NoError(t, os.WriteFile(beside(state), nil, 0o666))
	refused(t, beside(state)+" is there already", state, "-from", model, "-o", state)
	assert.NoFileExists(t, state)
	convert(t, "-from", model, "-o", state, "-force")
	assert.Len(t, tensors(t, beside(state)), 2)
}

// Output that cannot be finished leaves what was there.
func TestPlace(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, sharnn.ConfigFile)
	require.NoError(t, os.WriteFile(old, []byte("old"), 0o666))
	fault := errors.New("the disk is full")
	half := func(temp string) error {
		require.NoError(t, os.WriteFile(filepath.Join(temp, sharnn.ConfigFile), []byte("half"), 0o666))
		return fault
	}
	assert.ErrorIs(t, place(t.Context(), dir, half), fault)
	assert.ErrorIs(t, place(t.Context(), filepath.Join(dir, "new"), half), fault)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, place(ctx, dir, func(string) error { return nil }), context.Canceled)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
	text, err := os.ReadFile(old)
	require.NoError(t, err)
	assert.Equal(t, "old", string(text))
}

func TestErrors(t *testing.T) {
	folder := fresh(t, tiny(4), tensor.Float32, corpus.NewByteVocab([]byte("\nabc")))
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("text"), 0o666))
	large := tiny(75_001)
	large.Splits = sharnn.DefaultSplits(large.Symbols)
	whole := filepath.Join(dir, "large.pt")
	convert(t, "-from", fresh(t, large, tensor.Float32, nil), "-o", whole)
	require.NoError(t, os.Remove(beside(whole)))
	out, state := filepath.Join(dir, "out"), filepath.Join(dir, "out.pt")
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"nothing", "name what to convert with -from", nil},
		{"no output", "what to make with -o", []string{"-from", folder}},
		{"missing", "no such file", []string{"-from", filepath.Join(dir, "x"), "-o", out}},
		{"whole modules", "Make a state dict where its model.py is", []string{"-from", "testdata/whole.pt", "-o", out}},
		{"whole modules, named", `its pickle names "model.SHARNN"`, []string{"-from", "testdata/whole.pt", "-o", out}},
		{"text", "not a file of torch.save", []string{"-from", file, "-o", out}},
		{"file to file", "names a file: testdata/state.pt is one", []string{"-from", "testdata/state.pt", "-o", state}},
		{"folder to folder", "is a folder, of which a file is made", []string{"-from", folder, "-o", out}},
		{"onto a file", "is a file: name a folder", []string{"-from", "testdata/state.pt", "-o", file}},
		{"a known thing", "-mem: the folder", []string{"-from", folder, "-o", state, "-mem", "3"}},
		{"two dictionaries", "-data and -words both", []string{"-from", folder, "-o", state, "-data", file, "-words", file}},
		{"no model", "config.json", []string{"-from", dir, "-o", filepath.Join(t.TempDir(), "x.pt")}},
		{"heads", "emsize 4 is not a multiple of heads 3", []string{"-from", "testdata/state.pt", "-o", out, "-heads", "3"}},
		{"mem", "mem is -1", []string{"-from", "testdata/state.pt", "-o", out, "-mem", "-1"}},
		{"splits", "-splits x: want auto", []string{"-from", "testdata/state.pt", "-o", out, "-splits", "x"}},
		{"splits beyond", "splits are [9]", []string{"-from", "testdata/state.pt", "-o", out, "-splits", "9"}},
		{"splits without a criterion", "it lacks tail_bias [1]; it lacks tail_vectors [1 4]", []string{"-from", "testdata/state.pt", "-o", out, "-splits", "2"}},
		{"a criterion too much", "it has tail_vectors [2 4], for which the model has no place", []string{"-from", "testdata/both_legacy.pt", "-o", out, "-splits", "none"}},
		{"a criterion missing", "the reference gives 75001 symbols an adaptive softmax", []string{"-from", whole, "-o", out}},
		{"another model's vocabulary", "encoder.weight has 7 rows, the vocabulary 4 bytes", []string{"-from", "testdata/state.pt", "-o", out, "-like", folder}},
		{"no criterion file", "no such file", []string{"-from", "testdata/state.pt", "-o", out, "-criterion", out}},
		{"unknown flag", "no flag -out", []string{"-out", out}},
	} {
		t.Run(tt.name, func(t *testing.T) { refused(t, tt.want, out, tt.args...) })
	}
}
