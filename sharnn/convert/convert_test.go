package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
	"github.com/tiller-ml/tiller/tensor/torchfile"
)

func newBackend(t *testing.T) backend.Backend {
	b, err := cpu.New(backend.Config{Threads: 1})
	require.NoError(t, err)
	t.Cleanup(func() { b.Close() })
	return b
}

// convert runs the command.
func convert(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), args, nil, &out, io.Discard), "%q", args)
	return out.String()
}

// tensors are those of a file, by name.
func tensors(t *testing.T, path string) map[string]safetensors.Tensor {
	t.Helper()
	d := &dict{}
	require.NoError(t, d.add(path))
	t.Cleanup(func() { d.Close() })
	all := map[string]safetensors.Tensor{}
	for _, x := range d.tensors {
		all[x.Name] = safetensors.Tensor{Name: x.Name, DType: x.DType, Shape: append([]int{}, x.Shape...), Data: bytes.Clone(x.Data)}
	}
	return all
}

// write makes a file of tensors, with prefix before their names.
func write(t *testing.T, path, prefix string, all map[string]safetensors.Tensor) {
	t.Helper()
	var sources []safetensors.Source
	for _, x := range all {
		sources = append(sources, safetensors.Source{Name: prefix + x.Name, DType: x.DType, Shape: x.Shape, Data: func(w io.Writer) error {
			_, err := w.Write(x.Data)
			return err
		}})
	}
	if filepath.Ext(path) == safetensorsExt {
		require.NoError(t, safetensors.Write(path, nil, sources))
		return
	}
	require.NoError(t, torchfile.Write(path, sources))
}

// sameFolder wants two models' folders to be the same bytes.
func sameFolder(t *testing.T, want, got string) {
	t.Helper()
	for _, name := range []string{sharnn.ConfigFile, sharnn.WeightsFile} {
		a, err := os.ReadFile(filepath.Join(want, name))
		require.NoError(t, err)
		b, err := os.ReadFile(filepath.Join(got, name))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(a, b), name)
	}
}

// segment are symbols (T, B).
type segment struct {
	ids  []int32
	T, B int
}

// logits are a model's (T, B, V) of segments that follow each other, or with its
// adaptive softmax log probabilities.
func logits(t *testing.T, m *sharnn.Model, segments ...segment) [][]float64 {
	state := m.NewState(segments[0].B)
	defer state.Free()
	var all [][]float64
	for _, s := range segments {
		tape := autograd.NewTape(m.Backend)
		ids := tape.Own(backend.FromSlice(m.Backend, s.ids, s.T, s.B))
		h, next := m.Run(m.Embed(ids, nil), state.Carry(tape, s.T), nil)
		all = append(all, golden.Read(t, m.Backend, m.Logits(h).Value))
		state.Advance(next)
		tape.Free()
	}
	return all
}

// Every state dict of the reference, of all its configurations, goes in and comes
// out bit for bit, in both formats, wherever in a file it lies, and is the model
// that the reference computes with.
func TestGolden(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		state := goldenState(t, c)
		for ext, prefix := range map[string]string{".pt": "", safetensorsExt: "model."} {
			t.Run(ext, func(t *testing.T) {
				dir := t.TempDir()
				in := filepath.Join(dir, "in"+ext)
				write(t, in, prefix, state)
				first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
				out := filepath.Join(dir, "out"+ext)
				flags := goldenFlags(t, c)
				convert(t, append(flags, "-from", in, "-o", first)...)
				convert(t, "-from", first, "-o", out)
				assert.Equal(t, state, tensors(t, out))
				convert(t, append(flags, "-from", out, "-o", second)...)
				sameFolder(t, first, second)
				goldenLogits(t, c, first)
			})
		}
	}, "forward_backward*", "all_attention*", "residual*", "dropout_masks*", "segments*", "train_*")
}

// goldenState is a case's state dict.
func goldenState(t *testing.T, c *golden.Case) map[string]safetensors.Tensor {
	all := tensors(t, filepath.Join(c.Dir, "tensors.safetensors"))
	prefix := "param."
	if !c.Has(prefix + sharnn.EncoderWeight) {
		prefix = "init.param."
	}
	state := map[string]safetensors.Tensor{}
	for _, name := range c.With(prefix) {
		x := all[prefix+name]
		x.Name = name
		state[name] = x
	}
	if _, ok := state[sharnn.DecoderWeight]; !ok {
		x := state[sharnn.EncoderWeight]
		x.Name = sharnn.DecoderWeight
		state[x.Name] = x
	}
	return state
}

// goldenFlags are what names and shapes do not tell of a case.
func goldenFlags(t *testing.T, c *golden.Case) []string {
	var doc struct {
		Config struct {
			Positions int  `json:"num_max_positions"`
			Heads     int  `json:"heads"`
			Residual  bool `json:"residual"`
		} `json:"config"`
	}
	c.Decode(t, &doc)
	return []string{
		fmt.Sprintf("-mem=%d", doc.Config.Positions), fmt.Sprintf("-heads=%d", doc.Config.Heads),
		fmt.Sprintf("-residual=%v", doc.Config.Residual), fmt.Sprintf("-memory_quirk=%v", strings.Contains(c.Name, "quirk")),
	}
}

// goldenLogits compares the logits of a case's segments, if it starts without a
// past and drops nothing.
func goldenLogits(t *testing.T, c *golden.Case, dir string) {
	if c.Has("input.hidden.0.h") {
		return
	}
	var prefixes []string
	var segments []segment
	for _, prefix := range []string{"", "seg0.", "seg1.", "seg2."} {
		if name := prefix + "input.tokens"; c.Has(name) && c.Has(prefix+"out.logits") {
			shape := c.Shape(t, name)
			prefixes, segments = append(prefixes, prefix), append(segments, segment{c.Ints(t, name), shape[0], shape[1]})
		}
	}
	if len(segments) == 0 {
		return
	}
	m, _, err := sharnn.Load(newBackend(t), dir, 0)
	require.NoError(t, err)
	defer m.Free()
	require.Equal(t, c.DType, m.DType)
	for i, got := range logits(t, m, segments...) {
		golden.Near(t, c.Numbers(t, prefixes[i]+"out.logits"), got, c.Float, prefixes[i]+"out.logits")
	}
}

// answer is what the reference's program says of the state dicts in testdata.
type answer struct {
	IDs     [][2]int32 `json:"ids"`
	Cut     int        `json:"cut"` // where the second segment begins
	Logits  []float64  `json:"logits"`
	LogProb []float64  `json:"logprob"`
}

func (a answer) compare(t *testing.T, dir string, want []float64) {
	m, _, err := sharnn.Load(newBackend(t), dir, 0)
	require.NoError(t, err)
	defer m.Free()
	var ids []int32
	for _, row := range a.IDs {
		ids = append(ids, row[:]...)
	}
	var got []float64
	for _, l := range logits(t, m, segment{ids[:2*a.Cut], a.Cut, 2}, segment{ids[2*a.Cut:], len(a.IDs) - a.Cut, 2}) {
		got = append(got, l...)
	}
	golden.Near(t, want, got, 2e-5, dir)
}

// Files that PyTorch wrote of the reference's own modules: the order of the names
// is kept too.
func TestReferenceFiles(t *testing.T) {
	var a answer
	doc, err := os.ReadFile("testdata/answer.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(doc, &a))
	t.Run("model", func(t *testing.T) {
		dir := t.TempDir()
		folder, out := filepath.Join(dir, "model"), filepath.Join(dir, "out.pt")
		convert(t, "-from", "testdata/state.pt", "-o", folder)
		a.compare(t, folder, a.Logits)
		convert(t, "-from", folder, "-o", out)
		assert.Equal(t, tensors(t, "testdata/state.pt"), tensors(t, out))
		assert.Equal(t, names(t, "testdata/state.pt"), names(t, out))
		assert.NoFileExists(t, beside(out))
	})
	t.Run("model and criterion", func(t *testing.T) {
		dir := t.TempDir()
		folder, out := filepath.Join(dir, "model"), filepath.Join(dir, "out.pt")
		convert(t, "-from", "testdata/both_legacy.pt", "-o", folder, "-splits", "3,5")
		a.compare(t, folder, a.LogProb)
		said := convert(t, "-from", folder, "-o", out)
		assert.Contains(t, said, "criterion = SplitCrossEntropyLoss(4, splits=[3, 5])")
		both := tensors(t, "testdata/both_legacy.pt")
		model, criterion := tensors(t, out), tensors(t, beside(out))
		assert.Len(t, both, len(model)+len(criterion))
		for prefix, part := range map[string]map[string]safetensors.Tensor{"0.": model, "1.": criterion} {
			for name, x := range part {
				x.Name = prefix + name
				assert.Equal(t, both[x.Name], x)
			}
		}
		again := filepath.Join(dir, "again")
		convert(t, "-from", out, "-o", again, "-like", folder)
		sameFolder(t, folder, again)
		moved := filepath.Join(dir, "c.pt")
		require.NoError(t, os.Rename(beside(out), moved))
		again = filepath.Join(dir, "named")
		convert(t, "-from", out, "-criterion", moved, "-o", again, "-splits", "3,5")
		sameFolder(t, folder, again)
	})
}

func names(t *testing.T, path string) []string {
	f, err := torchfile.Open(path)
	require.NoError(t, err)
	defer f.Close()
	return append([]string{}, f.Names...)
}

// The criterion's names and shapes are the reference's.
func TestGoldenCriterion(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		var doc struct {
			Config struct {
				Width   int   `json:"hidden"`
				Symbols int   `json:"ntoken"`
				Splits  []int `json:"splits"`
			} `json:"config"`
		}
		c.Decode(t, &doc)
		m, err := sharnn.New(newBackend(t), tensor.Float32, sharnn.Config{
			Symbols: doc.Config.Symbols, Width: doc.Config.Width, Hidden: doc.Config.Width, Layers: 1, Heads: 1, Splits: doc.Config.Splits,
		}, 1)
		require.NoError(t, err)
		defer m.Free()
		_, criterion := m.StateDict()
		got := map[string][]int{}
		for _, x := range criterion {
			got[x.Name] = x.Shape
		}
		want := map[string][]int{}
		for _, name := range c.With("param.") {
			want[name] = c.Shape(t, "param."+name)
		}
		assert.Equal(t, want, got)
	}, "split_cross_entropy*")
}

// The state dict of a criterion without groups, which has no tensors, changes
// nothing, and one that lies beside the model's is left there by -splits none.
func TestCriterionBeside(t *testing.T) {
	dir := t.TempDir()
	want, state := filepath.Join(dir, "want"), filepath.Join(dir, "state.pt")
	convert(t, "-from", "testdata/state.pt", "-o", want)
	convert(t, "-from", want, "-o", state)
	require.NoError(t, torchfile.Write(beside(state), nil))
	got := filepath.Join(dir, "empty")
	convert(t, "-from", state, "-o", got)
	sameFolder(t, want, got)
	zeros := map[string]safetensors.Tensor{}
	put(zeros, "tail_vectors", 2, 4)
	put(zeros, "tail_bias", 2)
	write(t, beside(state), "", zeros)
	got = filepath.Join(dir, "none")
	refused(t, "tail_vectors has 2 rows", got, "-from", state, "-o", got)
	convert(t, "-from", state, "-o", got, "-splits", "none")
	sameFolder(t, want, got)
}
