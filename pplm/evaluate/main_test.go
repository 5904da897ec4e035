package main

import (
	"bytes"
	stdcmp "cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/pplm/represent"
	"github.com/tiller-ml/tiller/tensor"
)

// golden is a GPT-2 of width 24 with random weights and a vocabulary of 457.

const golden = "../../testdata/golden/pplm/model"

// call runs the program quickly on the golden model and returns what it prints.

func call(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), append([]string{"-model", golden, "-quick"}, args...), nil, &out, &errs)
	return out.String(), errs.String(), err
}

func write(t *testing.T, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	return path
}

// open opens the golden model.

func open(t *testing.T) *models.Model {
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	m, err := models.Open(b, tensor.Float32, golden)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, m.Free())
		assert.NoError(t, b.Close())
	})
	return m
}

// saveHead saves a head for the golden model.

func saveHead(t *testing.T, name string, classes ...string) string {
	h, err := head.New(classes, 24, 1)
	require.NoError(t, err)
	info := open(t).Info()
	h.Model, h.Hash = info.Name, info.Hash
	for i := range h.Weight {
		h.Weight[i] *= 8
	}
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, h.Save(path))
	return path
}

func readTexts(t *testing.T, dir string) []*text {
	f, err := os.Open(filepath.Join(dir, "samples.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	var texts []*text
	for d := json.NewDecoder(f); ; {
		x := new(text)
		err := d.Decode(x)
		if err == io.EOF {
			return texts
		}
		require.NoError(t, err)
		texts = append(texts, x)
	}
}

func find(texts []*text, attribute, method string, prompt, sample int) *text {
	for _, x := range texts {
		if x.Attribute == attribute && x.Method == method && x.Prompt == prompt && x.Sample == sample {
			return x
		}
	}
	return nil
}

func TestEvaluate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	mood := saveHead(t, "mood", "dull", "bright", "law")
	bag := write(t, "law.txt", "the\nlicense\nand\nwork\n")
	stdout, stderr, err := call(t, "-B", bag, "-D", mood+"=bright", "-judge", "-;"+bag, "-judge_head", mood, "-out", dir)
	require.NoError(t, err)
	for _, want := range []string{
		"language model model: 27384 parameters", "perplexity under the same model, unsteered",
		"law: a bag of 4 words, the probability of law judges; ", "mood=bright: a discriminator of 3 classes, 4 words judge, the probability of bright judges; 75 parameters, 1 to 365;",
		"2 prompts, for each 2 texts of 12 tokens; ranked methods take the best of 3\n",
	} {
		assert.Contains(t, stdout, want)
	}
	assert.Regexp(t, `\nlaw +BC +4 +\d+\.\d+ ±\d.* (0|1)\.\d{3} `, stdout)
	assert.Equal(t, "32 texts and their figures are in "+dir+"\n", stderr[strings.LastIndex(stderr[:len(stderr)-1], "\n")+1:])

	texts := readTexts(t, dir)
	require.Len(t, texts, 2*2*2*4)
	for _, x := range texts {
		require.Len(t, x.Tokens, 12)
		assert.Equal(t, x.Attribute == "law", x.Bag != nil)
		assert.Equal(t, x.Attribute != "law", x.Judge != nil)
		require.NotNil(t, x.Class)
		if ranked, ok := strings.CutSuffix(x.Method, "R"); ok {
			first := find(texts, x.Attribute, ranked, x.Prompt, x.Sample)
			assert.InDelta(t, 3*first.Seconds, x.Seconds, 1e-9)
			if pplm.Distinct(first.Tokens) >= 0.9 {
				assert.GreaterOrEqual(t, x.Score, first.Score)
			}
		}
	}
	checkClasses(t, texts, mood)
	assert.Equal(t, find(texts, "law", "B", 2, 1).Tokens, find(texts, "mood=bright", "B", 2, 1).Tokens)
	for _, name := range []string{"samples.csv", "summary.csv"} {
		f, err := os.Open(filepath.Join(dir, name))
		require.NoError(t, err)
		rows, err := csv.NewReader(f).ReadAll()
		require.NoError(t, err)
		require.NoError(t, f.Close())
		assert.Len(t, rows, map[string]int{"samples.csv": 1 + 32, "summary.csv": 1 + 12}[name])
	}
	for _, name := range []string{"relevance.png", "relevance.svg", "settings.json"} {
		assert.FileExists(t, filepath.Join(dir, name))
	}
	again := t.TempDir()
	_, _, err = call(t, "-config", filepath.Join(dir, "settings.json"), "-out", again)
	require.NoError(t, err, "the saved settings can be read")
	same := readTexts(t, again)
	require.Len(t, same, len(texts))
	for i, x := range texts {
		assert.Equal(t, x.Tokens, same[i].Tokens, "and give the same texts")
	}
}

// A flag that comes again adds to what was named.

func TestAttributesAddUp(t *testing.T) {
	mood := saveHead(t, "mood", "dull", "bright")
	stdout, _, err := call(t, "-B", "space", "-B", "!legal:0.5;science", "-D", mood, "-D", mood+"=1", "-methods", "B", "-length", "2")
	require.NoError(t, err)
	for _, want := range []string{"\nspace: a bag", "\nnot legal:0.5: a bag", "\nscience: a bag", "\nmood=dull: a disc", "\nmood=bright: a disc"} {
		assert.Contains(t, stdout, want)
	}
}

// Each attribute has the preset that is named, that of the embedded model, or that

// of its kind; flags win.

func TestPreset(t *testing.T) {
	tests := []struct {
		args, kind, want string
		step, gm, tau    float64 // where not 0, given
		best             int
	}{
		{"", "bow", "books", 0, 0, 0, 0},
		{"", "discrim", "books", 0, 0, 0, 0},
		{"-stepsize 7 -distinct 0.3 -best_of 4", "bow", "books", 7, 0, 0.3, 4},
		{"-gm_scale 0.5 -quick", "bow", "books", 0, 0.5, 0, 3},
		{"-model x", "bow", "code-bow", 0, 0, 0, 0},
		{"-model x", "discrim", "code-discrim", 0, 0, 0, 0},
		{"-preset code", "discrim", "code-discrim", 0, 0, 0, 0},
		{"-model x -preset paper -stepsize 7", "bow", "paper-bow", 7, 0, 0, 0},
		{"-model x -preset books", "bow", "books", 0, 0, 0, 0},
	}
	for _, tt := range tests {
		s, err := newSettings()
		require.NoError(t, err)
		require.NoError(t, s.flags.Parse(strings.Fields(tt.args), io.Discard))
		require.NoError(t, s.complete())
		want, err := pplm.FindPreset(tt.want)
		require.NoError(t, err)
		want.Settings.StepSize, want.Settings.GMScale = stdcmp.Or(tt.step, want.Settings.StepSize), stdcmp.Or(tt.gm, want.Settings.GMScale)
		want.Distinct, want.Samples = stdcmp.Or(tt.tau, want.Distinct), stdcmp.Or(tt.best, want.Samples)
		found, err := s.findPreset(tt.kind)
		require.NoError(t, err)
		assert.Equal(t, want, found, tt.args)
	}
}

// checkClasses computes a head's probabilities of prompts and texts, which rank where

// the head steers.

func checkClasses(t *testing.T, texts []*text, path string) {
	m := open(t)
	h, err := head.Load(path)
	require.NoError(t, err)
	for _, x := range texts {
		ids, err := m.Read(x.Begin)
		require.NoError(t, err)
		means, err := represent.Means(t.Context(), m, [][]int32{append(ids, x.Tokens...)}, false, nil)
		require.NoError(t, err)
		numbers, err := backend.Floats(m.Info().Backend, means)
		require.NoError(t, err)
		backend.Release(m.Info().Backend, means)
		class := map[string]int{"law": 2, "mood=bright": 1}[x.Attribute]
		assert.InEpsilon(t, math.Exp(h.LogProbs(numbers)[class]), *x.Class, 1e-4)
		if x.Attribute != "law" {
			assert.InEpsilon(t, math.Log(*x.Class), x.Score, 1e-6)
		}
	}
}

// Texts are those of the library, whatever the methods and numbers around them.

func TestTextsAreTheLibrarys(t *testing.T) {
	bag := write(t, "law.txt", "license\nwork\n")
	dirs := map[string]string{"all": t.TempDir(), "few": t.TempDir()}
	_, _, err := call(t, "-B", bag, "-stepsize", "0.3", "-seed", "5", "-out", dirs["all"])
	require.NoError(t, err)
	_, _, err = call(t, "-B", bag+";science", "-stepsize", "0.3", "-seed", "5", "-out", dirs["few"], "-methods", "BC;B", "-num_samples", "3")
	require.NoError(t, err)
	texts, few := readTexts(t, dirs["all"]), readTexts(t, dirs["few"])
	m := open(t)
	prompts, err := new(settings).readPrompts()
	require.NoError(t, err)
	b, err := m.Bag(t.Context(), "law", []string{"license", "work"})
	require.NoError(t, err)
	preset, err := pplm.FindPreset("code-bow")
	require.NoError(t, err)
	for _, method := range pplm.Methods() {
		if method.Ranked {
			continue
		}
		how := preset.Settings
		if how.StepSize = 0.3; !method.Steered {
			how.Iterations = 0
		}
		ids, err := m.Read(prompts[1])
		require.NoError(t, err)
		samples, err := pplm.Generate(t.Context(), m, pplm.Request{
			Prompt: ids, Length: 12, Samples: 1, First: promptSpan + 1, Seed: 5, Attributes: []pplm.Attribute{b}, Settings: how,
		}, nil)
		require.NoError(t, err)
		x, y := find(texts, "law", method.Name, 2, 2), find(few, "law", method.Name, 2, 2)
		assert.Equal(t, samples[0].Tokens, x.Tokens)
		assert.Equal(t, m.Decode(samples[0].Tokens), x.Text)
		assert.InEpsilon(t, samples[0].Score, x.Score, 1e-6)
		losses, err := score(t.Context(), m, ids, [][]int32{samples[0].Tokens})
		require.NoError(t, err)
		assert.InEpsilon(t, losses[0], x.Nats, 1e-5)
		assert.Empty(t, cmp.Diff(x, y, cmpopts.IgnoreUnexported(text{}), cmpopts.IgnoreFields(text{}, "Seconds"), cmpopts.EquateApprox(1e-6, 0)))
	}
	assert.NotEqual(t, find(texts, "law", "B", 1, 1).Tokens, find(texts, "law", "BC", 1, 1).Tokens)
}

// Texts of different lengths are scored as each would be alone.

// newScorer saves a GPT-2 of width 16 with random weights and the golden tokens.

// Another model reads the texts afresh, and a head that belongs to it judges there.

// What only its width says to belong to the model is told of, once.

// countdown is a context that is cancelled when it has been asked n times.

type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// What was measured before the end is kept and said.

func TestEvaluateStops(t *testing.T) {
	dir := t.TempDir()
	args := []string{"-model", golden, "-quick", "-B", write(t, "b.txt", "license\nwork\n"), "-out", dir}
	var out, errs bytes.Buffer
	err := run(&countdown{t.Context(), 100}, args, nil, &out, &errs)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Contains(t, errs.String(), "stopped in prompt ")
	assert.Contains(t, errs.String(), " texts and their figures are in "+dir)
	assert.Contains(t, out.String(), "\nb          B ")
	texts := readTexts(t, dir)
	assert.NotEmpty(t, texts)
	assert.Less(t, len(texts), 16)

	err = run(&countdown{t.Context(), 10}, args, nil, &out, &errs)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Len(t, readTexts(t, dir), len(texts), "a run without a text leaves the files alone")
}

func TestEvaluateHelp(t *testing.T) {
	var out bytes.Buffer
	assert.ErrorIs(t, run(t.Context(), []string{"-h"}, nil, &out, nil), flag.ErrHelp)
	for _, name := range strings.Fields("model scorer dtype B D class_label single judge judge_head judge_label prompts num_samples length methods best_of distinct seed quick preset stepsize num_iterations gamma window_length newest decay grad_length kl_scale gm_scale horizon_length temperature top_k repetition_penalty out backend threads config") {
		assert.Regexp(t, `\n  -`+name+`[ \n]`, out.String())
	}
}

// Unsteered texts are made once for all attributes, so presets must draw alike.

func TestPresetsDrawAlike(t *testing.T) {
	for _, p := range pplm.Presets() {
		d := pplm.Default()
		assert.Equal(t, []float64{d.Temperature, float64(d.TopK), d.Repetition}, []float64{p.Settings.Temperature, float64(p.Settings.TopK), p.Settings.Repetition}, p.Name)
	}
}

func TestEvaluateErrors(t *testing.T) {
	mood, empty := saveHead(t, "mood", "dull", "bright"), write(t, "empty.txt", "\n\n")
	foreign, err := head.New([]string{"a", "b"}, 7, 1)
	require.NoError(t, err)
	other := filepath.Join(t.TempDir(), "other")
	require.NoError(t, foreign.Save(other))
	tests := []struct{ name, args, want string }{
		{"a later prompt too long", "-B space -prompts " + write(t, "long.txt", "one\n"+strings.Repeat("a b ", 40)+"\n"), "prompt 2 has "},
		{"unknown bag", "-B militry", `-B: no bag of words "militry": there is no such file, and the built-in ones are computers, fantasy, kitchen`},
		{"empty bag", "-B " + empty, "-B: reading a bag of words: " + empty + " has no words"},
		{"empty name", "-B space;;legal", `invalid value "space;;legal" for flag -B: the list "space;;legal" has an empty name`},
		{"twice", "-B space;space", "the attribute space comes twice"},
		{"bag of the wrong weight", "-B space:-1", `-B: "space:-1": the weight is -1`},
		{"unknown head", "-D none", "-D: reading a head: there is no none.safetensors"},
		{"unknown head of the embedded", "-D none", "; and the embedded ones are topics"},
		{"embedded head of another model", "-D topics", "-D: topics: the head reads hidden states of width "},
		{"unknown class", "-D " + mood + " -class_label green", "no class \"green\": there are dull (0), bright (1)"},
		{"class of a spec", "-D " + mood + "=green", "no class \"green\""},
		{"class without a head", "-B space -class_label dull", "-class_label names a class of a head: name that with -D"},
		{"head of another model", "-D " + other, "-D: " + other + ": the head reads hidden states of width 7"},
		{"judge of another model", "-B space -judge_head " + other + " -judge_label a", other + ": the head reads hidden states of width 7"},
		{"judge without the class", "-B space -judge_head " + mood, `no class "space": there are dull`},
		{"label without a judge", "-B space -judge_label x", "-judge_label belongs to -judge_head"},
		{"judges of another number", "-B space;legal -judge legal", `-judge "legal": want one for each of 2 attributes, with ; between them, found legal`},
		{"judge heads of another number", "-B space -judge_head a;b", `-judge_head "a;b": want one, or one for each of 1 attributes`},
		{"unknown judge", "-B space -judge spcae", `no bag of words "spcae"`},
		{"halves of a head", "-D " + mood + " -judge half", "-judge half splits bags of words"},
		{"half of a word", "-judge half -B " + write(t, "one.txt", "one"), "the bag one has 1 word"},
		{"no prompts", "-prompts " + empty, "reading the prompts: " + empty + " has none"},
		{"missing prompts", "-prompts none", "reading the prompts: open none: no such file or directory"},
		{"method", "-methods B;BX", `-methods: no method named "BX": there are B, BR, BC, BCR`},
		{"no method", "-methods=", "-methods: name one at least of B;BR;BC;BCR"},
		{"method twice", "-methods B;B", "-methods: B comes twice"},
		{"samples", "-num_samples 0", "-num_samples 0, -length 12, -best_of 3: want 1 or more each"},
		{"many samples", "-num_samples 2000", "2000 samples of the best of 3 are a batch of 6000 texts: want at most 4096"},
		{"distinct", "-distinct 2", "-distinct is 2: want 0 to 1"},
		{"horizon", "-horizon_length 0", "-horizon_length is 0: want 1 or more"},
		{"preset", "-preset cod", `-preset: no settings named "cod": there are paper-bow`},
		{"temperature", "-temperature 0", "the temperature is 0: want more than 0"},
		{"top_k", "-top_k 1000", "top_k is 1000: model has 457 tokens"},
		{"length", "-length 100", "ask for at most "},
		{"dtype", "-dtype fp8", `invalid value "fp8" for flag -dtype: unknown dtype "fp8"`},
		{"model", "-model none", "opening the language model: none has no config.json"},
		{"scorer", "-scorer none", "-scorer: opening the language model: none has no config.json"},
		{"out", "-out " + empty, "making the folder for the results: mkdir " + empty + ": not a directory"},
		{"flag", "-cond_text x", "no flag -cond_text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := call(t, strings.Fields(tt.args)...)
			require.ErrorContains(t, err, tt.want)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }

// An output that cannot be written to ends the work before it begins.
func TestOutputFull(t *testing.T) {
	full, dir := errors.New("disk full"), t.TempDir()
	var errs bytes.Buffer
	err := run(t.Context(), []string{"-model", golden, "-quick", "-B", "space", "-out", dir}, nil, failing{full}, &errs)
	assert.ErrorIs(t, err, full)
	assert.Empty(t, errs.String())
	assert.NoFileExists(t, filepath.Join(dir, "samples.jsonl"))
}
