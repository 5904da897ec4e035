package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/head"
)

// The folders of the golden cases, with a GPT-2 of two layers and 80 positions.
const (
	set   = "../../testdata/golden/pplm"
	model = set + "/model"
	bag   = set + "/bags/bow_0.txt"
)

// output1 is what run prints to standard output.
func output1(t *testing.T, args ...string) string {
	out, _ := output(t, args...)
	return out
}

func output(t *testing.T, args ...string) (stdout, stderr string) {
	var out, errs bytes.Buffer
	require.NoError(t, run(t.Context(), args, nil, &out, &errs), "%v", args)
	return out.String(), errs.String()
}

// small are flags for the golden model.
func small(args string) []string {
	return append([]string{"-model", model, "-cond_text", "The license", "-length", "8", "-stepsize", "0.5"}, strings.Fields(args)...)
}

func samplesOf(t *testing.T, out string) (samples []sample) {
	for line := range strings.Lines(out) {
		var s sample
		require.NoError(t, json.Unmarshal([]byte(line), &s))
		if s.Type == "sample" {
			samples = append(samples, s)
		}
	}
	return samples
}

// With no more than a length the embedded model is steered towards two topics.
func TestDemonstration(t *testing.T) {
	out, errs := output(t, "-length", "6")
	assert.Empty(t, errs)
	rows := strings.Split(out, "\n")
	assert.Equal(t, []string{"unsteered", "military", "space"}, strings.FieldsFunc(strings.ReplaceAll(rows[0], " ", ""), func(r rune) bool { return r == '|' }))
	assert.Equal(t, 3, strings.Count(rows[2], "The captain"))
	assert.NotContains(t, out, "\x1b")
	samples := samplesOf(t, output1(t, "-length", "6", "-json"))
	require.Len(t, samples, 3)
	for i, s := range samples {
		assert.Len(t, s.Tokens, 6)
		assert.Equal(t, i > 0, s.Steered)
	}
	assert.Equal(t, []string{"space"}, samples[2].Attributes)
}

// What samples and sides there are, and that the text is what JSON says it is.
func TestSides(t *testing.T) {
	classifier := headFile(t, 24)
	tests := []struct {
		name, args string
		sides      []string // attributes of the samples, * where steered
		blocks     int
		method     string
	}{
		{"plain", "", []string{""}, 1, "B"},
		{"one bag", "-B " + bag, []string{"bow_0", "*bow_0"}, 2, "BC"},
		{"not compared", "-compare=false -B " + bag, []string{"*bow_0"}, 1, "BC"},
		{"two bags", "-B " + bag + " -B space:0.5", []string{"bow_0+space:0.5", "*bow_0+space:0.5"}, 2, "BC"},
		{"joined and negated", "-B " + bag + ";!legal", []string{"bow_0+not legal", "*bow_0+not legal"}, 2, "BC"},
		{"each", "-each -B " + bag + ";legal", []string{"bow_0+legal", "*bow_0", "*legal"}, 3, "BC"},
		{"head", "-D " + classifier + "=bad", []string{"good_head=bad", "*good_head=bad"}, 2, "BC"},
		{"head and bag", "-B legal -class_label 1 -D !" + classifier, []string{"legal+not good_head=bad", "*legal+not good_head=bad"}, 2, "BC"},
		{"samples", "-B legal -sample -num_samples 2", []string{"legal", "legal", "*legal", "*legal"}, 4, "BC"},
		{"no iterations", "-B legal -num_iterations 0", []string{"legal"}, 1, "B"},
		{"B", "-B legal -method B", []string{"legal"}, 1, "B"},
		{"BR", "-B legal -method BR -sample -num_samples 2", []string{"legal", "legal"}, 1, "BR"},
		{"BCR", "-B legal -method BCR -sample -num_samples 2", []string{"legal", "legal", "*legal", "*legal"}, 2, "BCR"},
		{"reranked", "-B legal -rerank -sample -num_samples 2", []string{"legal", "legal", "*legal", "*legal"}, 2, "BCR"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := small(tt.args)
			out := output1(t, append(args, "-json")...)
			var h header
			require.NoError(t, json.Unmarshal([]byte(out[:strings.Index(out, "\n")]), &h))
			assert.Equal(t, tt.method, h.Method)
			var sides, texts []string
			for _, s := range samplesOf(t, out) {
				side := strings.Join(s.Attributes, "+")
				if s.Steered {
					side = "*" + side
				}
				sides, texts = append(sides, side), append(texts, "The license"+s.Text)
				assert.Len(t, s.Tokens, 8)
			}
			assert.Equal(t, tt.sides, sides)
			blocks := fromText(t, output1(t, args...))
			assert.Len(t, blocks, tt.blocks)
			for _, b := range blocks {
				assert.Contains(t, texts, b)
			}
		})
	}
}

// headFile saves a head of the golden model's width, for any model.
func headFile(t *testing.T, width int) string {
	h, err := head.New([]string{"good", "bad"}, width, 1)
	require.NoError(t, err)
	h.Model = "tiny"
	path := filepath.Join(t.TempDir(), "good_head")
	require.NoError(t, h.Save(path))
	return path
}

func TestFlagsMatter(t *testing.T) {
	seen := map[string]string{}
	for _, args := range []string{
		"", "-seed 1", "-temperature 3", "-top_k 40", "-repetition_penalty 9", "-stepsize 5", "-num_iterations 1", "-gamma 0",
		"-window_length 2", "-window_length 2 -newest", "-window_length 2 -decay", "-kl_scale 5", "-gm_scale 0.4", "-grad_length 1",
		"-preset code-bow", "-dtype int8", "-dtype bf16", "-B !legal", "-B space:3", "-uncond",
	} {
		full := []string{"-model", model, "-length", "12", "-sample", "-num_samples", "2", "-json", "-B", bag}
		if args != "-preset code-bow" {
			full = append(full, "-stepsize", "0.5")
		}
		var texts []string
		for _, s := range samplesOf(t, output1(t, append(full, strings.Fields(args)...)...)) {
			for _, k := range s.Tokens {
				s.Text += strings.Repeat("~", int(k.P*1e4)) // the text may stay as it was
			}
			texts = append(texts, s.Text)
		}
		key := strings.Join(texts, "\n")
		same, found := seen[key]
		assert.False(t, found, "%q gives the text of %q", args, same)
		seen[key] = args
	}
}

func TestThreads(t *testing.T) {
	args := small("-B legal -sample -num_samples 3 -columns 60")
	assert.Equal(t, output1(t, append(args, "-threads", "1")...), output1(t, append(args, "-threads", "2")...))
}

// The flags that JSON tells give the same again, by way of -config.
func TestConfig(t *testing.T) {
	out := output1(t, small("-B legal -B space:2 -sample -num_samples 2 -preset code-bow -json")...)
	var h header
	require.NoError(t, json.Unmarshal([]byte(out[:strings.Index(out, "\n")]), &h))
	path := filepath.Join(t.TempDir(), "flags.json")
	require.NoError(t, os.WriteFile(path, h.Flags, 0o666))
	assert.Equal(t, out, output1(t, "-config", path))

	again := samplesOf(t, output1(t, "-config", path, "-B", "science", "-B", "legal"))
	assert.Equal(t, []string{"science", "legal"}, again[0].Attributes)
}

// Settings are the preset's that is named, or that of the embedded model, or else
// the reference's; flags win.
func TestPreset(t *testing.T) {
	find := func(name string) pplm.Preset {
		p, err := pplm.FindPreset(name)
		require.NoError(t, err)
		return p
	}
	books, code := find("books"), find("code-bow")
	without := pplm.Preset{Settings: pplm.Default(), Samples: 1}
	tests := []struct {
		args string
		want pplm.Preset
		set  func(p *pplm.Preset)
	}{
		{"-model x", without, func(*pplm.Preset) {}},
		{"-model x -B space -preset code-bow -gamma 1", code, func(p *pplm.Preset) { p.Settings.Gamma = 1 }},
		{"-model x -preset books", books, func(*pplm.Preset) {}},
		{"", books, func(p *pplm.Preset) { p.Samples = 1 }},
		{"-B space -stepsize 0.7 -sample=false -distinct 0.1", books, func(p *pplm.Preset) {
			p.Settings.StepSize, p.Settings.Sample, p.Distinct, p.Samples = 0.7, false, 0.1, 1
		}},
		{"-preset code-bow -num_samples 3", code, func(p *pplm.Preset) { p.Samples = 3 }},
	}
	for _, tt := range tests {
		s, _, err := parse(strings.Fields(tt.args), io.Discard)
		require.NoError(t, err)
		tt.set(&tt.want)
		tt.want.Name = ""
		assert.Equal(t, tt.want, pplm.Preset{Settings: s.steering.Settings, Samples: s.samples, Distinct: s.steering.Distinct}, tt.args)
	}
}

// The embedded head steers the embedded model.
func TestEmbeddedHead(t *testing.T) {
	samples := samplesOf(t, output1(t, "-length", "3", "-json", "-D", "topics=science", "-D", "!topics=sea:0.5"))
	require.Len(t, samples, 2)
	assert.Equal(t, []string{"topics=science", "not topics=sea:0.5"}, samples[1].Attributes)
	assert.NotEqual(t, samples[0].Tokens[0].Steered, samples[1].Tokens[0].Steered)
}

func TestSingle(t *testing.T) {
	path := write(t, "words.txt", "license\nthe\nzebra crossing\n")
	out, errs := output(t, small("-single -B "+path)...)
	assert.Equal(t, "bag of words words: 1 words are several tokens and are dropped: zebra crossing\n", errs)
	assert.Contains(t, out, "steered: words ")
}

func TestSlide(t *testing.T) {
	args := append(small("-B legal -slide"), "-length", "100")
	assert.Len(t, samplesOf(t, output1(t, append(args, "-json")...))[1].Tokens, 100)
}

func TestColour(t *testing.T) {
	path := write(t, "words.txt", "license\nthe\nwork\nprogram\n")
	args := small("-stepsize 5 -gamma 1 -B " + path)
	samples := samplesOf(t, output1(t, append(args, "-json")...))
	require.NotEmpty(t, samples[1].BagWords)
	word := samples[1].BagWords[0]
	assert.Contains(t, output1(t, append(args, "-colorama")...), red+word+reset)
	assert.NotContains(t, output1(t, args...), red)
}

// canceller cancels when it is first asked whether ctx is done after n times.
type canceller struct {
	context.Context
	n int
}

func (c *canceller) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// A text that is stopped ends early and is well; what would not be whole is not
// printed.
func TestStop(t *testing.T) {
	for _, tt := range []struct {
		args  string
		n     int
		whole bool
	}{{"", 5, true}, {"", 0, false}, {"-json", 5, false}, {"-B legal", 40, true}, {"-B legal -sample -num_samples 2 -rerank", 40, false}} {
		var out bytes.Buffer
		args := append(small(tt.args), "-length", "50")
		err := run(&canceller{t.Context(), tt.n}, args, nil, &out, io.Discard)
		if !tt.whole {
			assert.ErrorIs(t, err, context.Canceled)
			assert.Empty(t, out.String())
			continue
		}
		require.NoError(t, err)
		full := fromText(t, output1(t, args...))
		for i, text := range fromText(t, out.String()) {
			assert.True(t, strings.HasPrefix(full[i], strings.TrimSuffix(text, "\ufffd")), "%q of %q", text, full[i])
			assert.Less(t, len(text), len(full[i]))
		}
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	assert.ErrorIs(t, run(t.Context(), []string{"-h"}, nil, &out, io.Discard), flag.ErrHelp)
	for name := range strings.FieldsSeq("model dtype B D class_label cond_text uncond length num_samples sample temperature top_k repetition_penalty seed stepsize num_iterations gamma window_length newest decay kl_scale gm_scale grad_length horizon_length preset method rerank single slide json colorama backend threads config") {
		assert.Contains(t, out.String(), "\n  -"+name)
	}
}

func write(t *testing.T, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	return path
}

// broken is a copy of the golden model whose last weight is NaN.
func broken(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "nan")
	require.NoError(t, os.CopyFS(dir, os.DirFS(model)))
	path := filepath.Join(dir, "model.safetensors")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	copy(data[len(data)-4:], "\xff\xff\xff\xff")
	require.NoError(t, os.WriteFile(path, data, 0o666))
	return dir
}

type failing struct{ error }

func (f failing) Write([]byte) (int, error) { return 0, f.error }

// Each mistake is one line that says what to do, and nothing is written before it.
func TestErrors(t *testing.T) {
	classifier, wide, empty := headFile(t, 24), headFile(t, 25), t.TempDir()
	tests := []struct {
		name  string
		args  []string
		usage bool
		want  string
	}{
		{"empty prompt", small("-cond_text="), false, "an empty prompt: give the text to go on from with -cond_text"},
		{"unknown bag", small("-B cooking"), false, `-B: no bag of words "cooking": there is no such file, and the built-in ones are computers, fantasy, kitchen, legal, military, politics, positive_words, religion, science, space, technology`},
		{"nameless bag", small("-B !"), false, `-B: "!" names nothing`},
		{"weight", small("-B legal:-2"), false, `-B: "legal:-2": the weight is -2: want more than 0; a ! before the name steers away from it`},
		{"no weight", small("-B legal:nan"), false, "the weight is NaN"},
		{"folder for a bag", small("-B " + empty), false, "is a directory"},
		{"odd bytes in a bag", small("-B " + write(t, "b", "war\n\n\xff\xfe\n")), false, `line 3: "\xff\xfe" is not UTF-8`},
		{"empty bag", small("-B " + write(t, "b", "\n \n")), false, "b has no words"},
		{"nothing left in a bag", small("-single -B " + write(t, "b", "zebra crossing\n")), false, "bag of words b: no word is a single token: nothing is left of 1"},
		{"a word twice, negated", small("-B !" + write(t, "b", "war\nwar\n")), false, "a word stands in it twice"},
		{"class out of range", small("-class_label 2 -D " + classifier), false, `no class "2": there are good (0), bad (1)`},
		{"class by name", small("-D " + classifier + "=ugly"), false, `no class "ugly": there are good (0), bad (1)`},
		{"missing head", small("-D nothing"), false, "-D: reading a head: there is no nothing.safetensors, nothing.pt"},
		{"missing head, embedded ones", small("-D nothing"), false, "; and the embedded ones are topics"},
		{"head of the embedded model", small("-D topics"), false, "-D: topics: the head reads hidden states of width "},
		{"head of another model", small("-D " + wide), false, `the head reads hidden states of width 25, of the language model "tiny"; those of`},
		{"too long", small("-length 79"), false, "do not fit model, which has 80 positions: at most -length "},
		{"too long with a look-ahead", small("-length 77 -D " + classifier), false, "or go on from the newest half with -slide"},
		{"top_k", small("-top_k 458"), false, "top_k is 458: "},
		{"missing folder", []string{"-model", filepath.Join(empty, "x")}, false, "opening the language model: " + filepath.Join(empty, "x") + " has no config.json"},
		{"empty folder", []string{"-model", empty}, false, "has no config.json"},
		{"NaN in the loss", append(small("-B legal"), "-model", broken(t)), false, "the unsteered loss of the bag of words legal is NaN in sample 0"},
		{"NaN without a loss", append(small(""), "-model", broken(t)), false, "the probabilities add up to NaN"},
		{"no token between texts", []string{"-uncond"}, false, "-uncond: books has no token between texts: give a prompt with -cond_text"},
		{"backend", small("-backend abacus"), false, `unknown backend "abacus": this program has cpu, cublas`},
		{"missing configuration", []string{"-config", filepath.Join(empty, "x")}, false, "reading the configuration"},

		{"unknown flag", small("-topk 3"), true, "no flag -topk; did you mean -top_k?"},
		{"not a number", small("-stepsize x"), true, `invalid value "x" for flag -stepsize: parse error`},
		{"an argument", small("legal"), true, `unexpected argument "legal"`},
		{"dtype", small("-dtype int32"), true, `invalid value "int32" for flag -dtype: unknown dtype "int32": want float32, float64, bf16 or int8`},
		{"empty name of a bag", small("-B legal;;space"), true, `invalid value "legal;;space" for flag -B: the list "legal;;space" has an empty name`},
		{"length", small("-length -1"), true, "-num_samples 1 and -length -1: want at least 1 and 0"},
		{"no samples", small("-num_samples 0"), true, "-num_samples 0 and -length 8: want at least 1 and 0"},
		{"samples all the same", small("-num_samples 2"), true, "-num_samples 2 of the likeliest tokens would all be the same: draw them with -sample"},
		{"preset", small("-preset best"), true, `-preset: no settings named "best": there are paper-bow`},
		{"method", small("-method BCD"), true, `-method: no method named "BCD": there are B, BR, BC, BCR`},
		{"method without attributes", small("-method BC"), true, "nothing to steer or rank by: name a bag of words with -B or a head with -D"},
		{"rank without attributes", small("-rerank -sample -num_samples 2"), true, "nothing to steer or rank by"},
		{"rank each", small("-B legal -B space -each -rerank -sample -num_samples 2"), true, "a rank is by one: leave out -each"},
		{"rank one", small("-rerank -B legal"), true, "the best of one sample: ask for more with -num_samples"},
		{"distinct", small("-distinct 2"), true, "-distinct is 2: want 0 to 1"},
		{"class without a head", small("-class_label 1 -B legal"), true, "-class_label names a class of a head: name that with -D"},
		{"decay", small("-decay -B legal"), true, "decay over a window of length 0: it needs a window"},
		{"temperature", small("-temperature 0"), true, "the temperature is 0: want more than 0"},
		{"gm_scale", small("-gm_scale 1.5"), true, "the geometric mean's scale is 1.5: want 0 to 1"},
		{"horizon", small("-horizon_length 0"), true, "-horizon_length is 0: want 1 or more"},
		{"columns", small("-columns -1"), true, "-columns is -1: want 0 or more"},
		{"prompt and none", small("-uncond"), true, "leave out one of it and -cond_text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, more := range []string{"-json=false", "-json"} {
				var out bytes.Buffer
				args := append([]string{more}, tt.args...)
				err := run(t.Context(), args, nil, &out, io.Discard)
				require.ErrorContains(t, err, tt.want)
				assert.NotContains(t, err.Error(), "\n")
				assert.Empty(t, out.String())
				assert.Equal(t, tt.usage, fmt.Sprintf("%T", err) == fmt.Sprintf("%T", command.Usagef("")), "whether the exit status is 2")
			}
		})
	}
	full := errors.New("disk full")
	for _, more := range []string{"", "-json", "-columns 50"} {
		assert.ErrorIs(t, run(t.Context(), small(more), nil, failing{full}, io.Discard), full)
	}
}
