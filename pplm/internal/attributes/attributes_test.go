package attributes

import (
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/tensor"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		text string
		want []string
		err  string
	}{
		{"", nil, ""},
		{" ", nil, ""},
		{"military", []string{"military"}, ""},
		{" legal; my words.txt ", []string{"legal", "my words.txt"}, ""},
		{"legal;;space", nil, `the list "legal;;space" has an empty name`},
		{"legal;", nil, `the list "legal;" has an empty name`},
	}
	for _, tt := range tests {
		names, err := Split(tt.text)
		if tt.err != "" {
			assert.EqualError(t, err, tt.err)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, tt.want, names)
	}
}

// What is given again adds up, and arguments win over a configuration.
func TestWanted(t *testing.T) {
	config := write(t, "c.json", `{"B": "c;d", "D": "e"}`)
	tests := []struct {
		args        string
		bags, heads []string
	}{
		{"", []string{"z"}, nil},
		{"-B b", []string{"b"}, nil},
		{"-B=", nil, nil},
		{"-B a;b -D x -B c -D y;z", []string{"a", "b", "c"}, []string{"x", "y", "z"}},
		{"-config " + config, []string{"c", "d"}, []string{"e"}},
		{"-config " + config + " -B a;b -B f", []string{"a", "b", "f"}, []string{"e"}},
		{"-config " + config + " -D=", []string{"c", "d"}, nil},
	}
	for _, tt := range tests {
		w := Wanted{Bags: List{Names: []string{"z"}}}
		f := command.NewFlags("x", "")
		w.Flags(f.Group("G"), "add up")
		require.NoError(t, f.Parse(strings.Fields(tt.args), io.Discard))
		require.NoError(t, w.Complete(f))
		assert.Equal(t, tt.bags, w.Bags.Names, tt.args)
		assert.Equal(t, tt.heads, w.Heads.Names, tt.args)
		assert.Contains(t, string(f.JSON()), strconv.Quote(strings.Join(tt.bags, ";")))
	}
	w := Wanted{Class: "x"}
	assert.EqualError(t, w.Complete(command.NewFlags("x", "")), "-class_label names a class of a head: name that with -D")
}

func write(t *testing.T, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	return path
}

func TestWords(t *testing.T) {
	id, words, err := Words("military")
	require.NoError(t, err)
	assert.Equal(t, "military", id)
	assert.Contains(t, words, "army")
	id, words, err = Words(write(t, "sea.txt", "ship\n\n sail \n"))
	require.NoError(t, err)
	assert.Equal(t, "sea", id)
	assert.Equal(t, []string{"ship", "sail"}, words)
}

func TestWordsErrors(t *testing.T) {
	empty, odd := write(t, "empty.txt", "\n \n"), write(t, "odd.txt", "ship\n\xff\n")
	tests := []struct{ name, want string }{
		{"militry", `no bag of words "militry": there is no such file, and the built-in ones are computers, fantasy,`},
		{empty, "reading a bag of words: " + empty + " has no words"},
		{odd, odd + ", line 2"},
		{t.TempDir(), "is a directory"},
	}
	for _, tt := range tests {
		_, _, err := Words(tt.name)
		assert.ErrorContains(t, err, tt.want)
	}
}

func TestHead(t *testing.T) {
	h, err := head.New([]string{"dull", "bright"}, 3, 1)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "mood")
	require.NoError(t, h.Save(path))
	got, class, err := Head(path+".safetensors", "bright")
	require.NoError(t, err)
	assert.Equal(t, h.Classes, got.Classes)
	assert.Equal(t, 1, class)
	_, _, err = Head(path, "green")
	assert.ErrorContains(t, err, "the head "+path+": ")
	assert.ErrorContains(t, err, "bright")
	_, _, err = Head(path+"s", "")
	assert.ErrorContains(t, err, "reading a head: there is no")
	assert.ErrorContains(t, err, "; and the embedded ones are topics")
}

// The name of an embedded head is its own, unless there is such a file, and a file
// that is broken is not passed over.
func TestEmbeddedHead(t *testing.T) {
	t.Chdir(t.TempDir())
	embedded, class, err := Head("topics", "science")
	require.NoError(t, err)
	assert.Equal(t, []string{"military", "politics", "science", "sea", "society"}, embedded.Classes)
	assert.Equal(t, 2, class)
	_, err = LoadHead("other/topics")
	assert.ErrorContains(t, err, "; and the embedded ones are topics")
	h, err := head.New([]string{"dull", "bright"}, 3, 1)
	require.NoError(t, err)
	require.NoError(t, h.Save("topics"))
	h, err = LoadHead("topics")
	require.NoError(t, err)
	assert.Equal(t, []string{"dull", "bright"}, h.Classes)
	require.NoError(t, os.Remove("topics.json"))
	_, err = LoadHead("topics")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// A head that only its width says to belong to the model opens with a warning that
// names it as it was asked for.
func TestDoubtfulHead(t *testing.T) {
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := models.Open(b, tensor.Float32, "../../../testdata/golden/pplm/model")
	require.NoError(t, err)
	defer m.Free()
	info := m.Info()
	for _, tt := range []struct{ model, hash, want string }{
		{"gpt2-medium", "", `warning: -D !%s=bright:0.5: the head was trained on the language model "gpt2-medium" and its file has no hash: nothing tells whether "model" is the same` + "\n"},
		{"gpt2-medium", info.Hash, ""},
		{"model", "", ""},
	} {
		h, err := head.New([]string{"dull", "bright"}, info.Width, 1)
		require.NoError(t, err)
		h.Model, h.Hash = tt.model, tt.hash
		path := filepath.Join(t.TempDir(), "mood")
		require.NoError(t, h.Save(path))
		var log strings.Builder
		w := Wanted{Heads: List{Names: []string{"!" + path + "=bright:0.5"}}}
		opened, err := w.Open(t.Context(), m, 1, nil, &log)
		require.NoError(t, err)
		assert.Len(t, opened, 1)
		assert.Equal(t, strings.Replace(tt.want, "%s", path, 1), log.String())
	}
}

// Every setting has a flag, but for the way to draw and the norm, which the
// commands decide, and what is given wins over a preset.
func TestSteering(t *testing.T) {
	preset, err := pplm.FindPreset("paper-bow")
	require.NoError(t, err)
	s := &Steering{Settings: pplm.Default(), Horizon: 1}
	parse := func(args string) *command.Flags {
		f := command.NewFlags("x", "")
		s.Flags(f, "")
		s.DistinctFlag(f.Group("G"))
		require.NoError(t, f.Parse(strings.Fields(args), io.Discard))
		return f
	}
	f := parse("-stepsize 7 -num_iterations 8 -gamma 9 -window_length 10 -newest=false -decay -grad_length 11 -kl_scale 12 -gm_scale 13 -temperature 14 -top_k 15 -top_p 0.155 -repetition_penalty 16 -horizon_length 17 -distinct 0.18")
	want := preset
	want.Distinct, want.Settings = 0.18, pplm.Settings{
		StepSize: 7, Iterations: 8, Gamma: 9, Window: 10, Decay: true, GradLength: 11, KLScale: 12, GMScale: 13,
		Temperature: 14, TopK: 15, TopP: 0.155, Repetition: 16, Sample: true, Norm: preset.Settings.Norm,
	}
	assert.Equal(t, want, s.For(f, preset))
	assert.Equal(t, 17, s.Horizon)
	assert.Empty(t, s.Left(f))
	assert.Equal(t, reflect.TypeFor[pplm.Settings]().NumField(), len(steers)+len(draws)+2)

	f = parse("-top_k 0 -distinct 0")
	want = preset
	want.Settings.TopK, want.Distinct = 0, 0
	assert.Equal(t, want, s.For(f, preset))
	assert.Len(t, s.Left(f), len(steers)+len(draws)-1)
	assert.Contains(t, s.Left(parse("-top_k 0")), "distinct")
}

func TestSteeringCheck(t *testing.T) {
	assert.NoError(t, (&Steering{Horizon: 1, Distinct: 1}).Check())
	for want, s := range map[string]Steering{
		"-horizon_length is 0: want 1 or more": {},
		"-distinct is 1.1: want 0 to 1":        {Horizon: 1, Distinct: 1.1},
		"-distinct is NaN: want 0 to 1":        {Horizon: 1, Distinct: math.NaN()},
	} {
		assert.EqualError(t, s.Check(), want)
	}
}

func TestSpec(t *testing.T) {
	b := &pplm.Bag{Name: "x"}
	tests := []struct {
		text    string
		classes bool
		want    Spec
		title   string
		made    pplm.Attribute
	}{
		{"military", false, Spec{"military", "", 1, false}, "x", b},
		{"!military", false, Spec{"military", "", 1, true}, "not x", pplm.Not(b)},
		{"a=b.txt:0.5", false, Spec{"a=b.txt", "", 0.5, false}, "x:0.5", pplm.Weight(0.5, b)},
		{"!mood=very bad:2", true, Spec{"mood", "very bad", 2, true}, "not x:2", pplm.Weight(2, pplm.Not(b))},
		{`C:\bags\x`, false, Spec{`C:\bags\x`, "", 1, false}, "x", b},
		{"!x/mood.pt=1:1e-1", true, Spec{"x/mood.pt", "1", 0.1, true}, "not x:0.1", pplm.Weight(0.1, pplm.Not(b))},
	}
	for _, tt := range tests {
		s, err := Parse(tt.text, tt.classes)
		require.NoError(t, err)
		assert.Equal(t, tt.want, s)
		assert.Equal(t, tt.title, s.Title("x"))
		assert.Equal(t, tt.made, s.Apply(b))
	}
	for _, text := range []string{"", "!", "=x", ":3", "a:-1", "a:0", "a:inf", "a:nan"} {
		_, err := Parse(text, true)
		assert.ErrorContains(t, err, strconv.Quote(text))
	}
}
