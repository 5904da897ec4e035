package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/pplm/head"
)

// model is a GPT-2 of width 24 with random weights and a vocabulary of 457.
const model = "../../testdata/golden/pplm/model"

// call runs the program on a line of arguments and returns what it prints.
func call(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	var out, errs bytes.Buffer
	err := run(t.Context(), append([]string{"-model", model}, args...), strings.NewReader(stdin), &out, &errs)
	assert.Empty(t, errs.String())
	return out.String(), err
}

func write(t *testing.T, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	return path
}

// rows are n texts of each of two kinds, which even a random language model
// tells apart.
func rows(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, "law", strings.Repeat("license and copyright ", 1+i%3))
		fmt.Fprintf(&b, format, "mood", strings.Repeat("nice bad happy ", 1+i%3))
	}
	return b.String()
}

func TestTrainAndPredict(t *testing.T) {
	out := t.TempDir()
	data := write(t, "d.tsv", rows(50, "%s\t%s\n"))
	args := []string{"-dataset_fp", data, "-output_fp", out, "-learning_rate", "0.05", "-epochs", "8", "-batch_size", "16", "-cached", "-default_class", "mood"}
	first, err := call(t, "", args...)
	require.NoError(t, err)
	for _, want := range []string{
		"100 texts, 90 to train on, 10 to test on", "epoch 1, batch 1 of 6: loss ", "epoch 8: test loss ",
		"accuracy 10 of 10 (100.0 %)", "class \\ predicted", "-class_label law|mood",
	} {
		assert.Contains(t, first, want)
	}
	path := filepath.Join(out, "generic_classifier_head")
	h, err := head.Load(path)
	require.NoError(t, err)
	assert.Equal(t, []string{"law", "mood"}, h.Classes)
	assert.Equal(t, 1, h.Default)
	assert.Equal(t, "model", h.Model)
	assert.Len(t, h.Hash, 64)

	again, err := call(t, "", args...)
	require.NoError(t, err)
	assert.Contains(t, again, "representations found in "+out)
	same, err := head.Load(path)
	require.NoError(t, err)
	assert.Equal(t, h, same)

	text, err := call(t, "license and copyright\n\nnice bad happy\n", "-head", path, "-predict", "-")
	require.NoError(t, err)
	assert.Regexp(t, `^law: 0\.[5-9]\d+\tmood: 0\.\d+\tlicense and copyright\nlaw: 0\.[0-4]\d+\tmood: 0\.\d+\tnice bad happy\n$`, text)
	text, err = call(t, "", "-head", path+".safetensors", "-predict", "happy", "-dtype", "int8")
	require.NoError(t, err)
	assert.Contains(t, text, "\thappy\n")
}

// The embedded head belongs to the embedded model.
func TestEmbeddedHead(t *testing.T) {
	text, err := call(t, "", "-model=", "-head", "topics", "-predict", "The sun and the moon are seen in the heavens.")
	require.NoError(t, err)
	assert.Regexp(t, `^military: 0\.\d{4}\tpolitics: 0\.\d{4}\tscience: 0\.\d{4}\tsea: 0\.\d{4}\tsociety: 0\.\d{4}\tThe sun`, text)
}

// A head without a hash says what is not known of it.
func TestDoubtfulHead(t *testing.T) {
	h, err := head.New([]string{"a", "b"}, 24, 1)
	require.NoError(t, err)
	h.Model = "gpt2-medium"
	path := filepath.Join(t.TempDir(), "mood")
	require.NoError(t, h.Save(path))
	var out, errs bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-model", model, "-head", path, "-predict", "law"}, nil, &out, &errs))
	assert.Equal(t, "warning: -head "+path+`: the head was trained on the language model "gpt2-medium" and its file has no hash: nothing tells whether "model" is the same`+"\n", errs.String())
	assert.Contains(t, out.String(), "\tlaw\n")
}

// filling is an output that is full after so many lines.
type filling struct {
	bytes.Buffer
	left int
}

var errFull = errors.New("disk full")

func (f *filling) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errFull
	}
	return f.Buffer.Write(p)
}

// Whichever line cannot be written, the run fails with that error, and what was
// trained before it is kept.
func TestOutputFull(t *testing.T) {
	data := write(t, "d.tsv", rows(5, "%s\t\"%s\"\n")+"law\t"+strings.Repeat("license ", 100)+"\n")
	for _, more := range []string{"-compat", "-compat=false", "-save_model=false"} { // long texts are dropped, or cut
		dir, whole, saves := t.TempDir(), "", more != "-save_model=false"
		for left := 0; ; left++ {
			full := &filling{left: left}
			err := run(t.Context(), []string{"-model", model, "-dataset_fp", data, "-output_fp", dir, "-epochs", "1", "-cached", more}, nil, full, &bytes.Buffer{})
			if whole = full.String(); err == nil {
				break
			}
			require.ErrorIs(t, err, errFull, "after %d lines", left)
			saved, err := filepath.Glob(filepath.Join(dir, "*.json"))
			require.NoError(t, err)
			assert.Equal(t, saves && strings.Contains(whole, "test loss "), len(saved) == 1, whole)
			for _, path := range saved {
				require.NoError(t, os.Remove(path))
			}
		}
		for _, want := range []string{" texts ", "to train on", "representations found", "batch 1 of 1", "test loss", "trained in", "predicted"} {
			assert.Contains(t, whole, want)
		}
		assert.Equal(t, saves, strings.Contains(whole, "saved "))
	}
}

func TestDatasets(t *testing.T) {
	trees := t.TempDir()
	for _, name := range []string{"train.txt", "test.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(trees, name), []byte("(3 (2 a) (1 b))\n(0 c)\n"), 0o666))
	}
	for kind, path := range map[string]string{
		"SST":       trees,
		"clickbait": write(t, "c.txt", strings.Repeat("{'text': \"you won't\", 'label': 1}\n{'text': 'a', 'label': 0}\n", 5)),
		"toxic":     write(t, "t.csv", "id,comment_text,toxic\n"+strings.Repeat("1,a,1\n2,b,0\n", 5)),
	} {
		out := t.TempDir()
		_, err := call(t, "", "-dataset", kind, "-dataset_fp", path, "-output_fp", out, "-epochs", "1")
		require.NoError(t, err, kind)
		_, err = head.Load(filepath.Join(out, kind+"_classifier_head"))
		require.NoError(t, err, kind)
	}
}

// With -compat long texts are dropped and quotes are csv's; without, they are
// cut to what the language model reads.
func TestCompat(t *testing.T) {
	data := write(t, "d.tsv", rows(5, "%s\t\"%s\"\n")+"law\t"+strings.Repeat("license ", 100)+"\n")
	out, err := call(t, "", "-dataset_fp", data, "-save_model=false", "-epochs", "1", "-test_share", "0")
	require.NoError(t, err)
	assert.Contains(t, out, "cut 1 texts to the language model's 80 tokens\n")
	assert.Contains(t, out, "11 texts, 11 to train on, 0 to test on")
	assert.NotContains(t, out, "predicted")
	out, err = call(t, "", "-dataset_fp", data, "-save_model=false", "-epochs", "1", "-test_share", "0", "-compat")
	require.NoError(t, err)
	assert.Contains(t, out, "dropped 1 texts of 100 tokens or more\n")
	assert.Contains(t, out, "10 texts, 10 to train on, 0 to test on")
}

func TestErrors(t *testing.T) {
	good := write(t, "d.tsv", rows(5, "%s\t%s\n"))
	bad := write(t, "bad.tsv", "law\ta\nmood b\n")
	narrow, err := head.New([]string{"a", "b"}, 5, 1)
	require.NoError(t, err)
	foreign, err := head.New([]string{"a", "b"}, 24, 1)
	require.NoError(t, err)
	foreign.Hash = "00"
	dir := t.TempDir()
	require.NoError(t, narrow.Save(filepath.Join(dir, "narrow")))
	require.NoError(t, foreign.Save(filepath.Join(dir, "foreign")))
	for want, args := range map[string][]string{
		"name the dataset's file with -dataset_fp":        {},
		"unknown -dataset \"sst\"":                        {"-dataset", "sst"},
		"row 2 (line 2) has no tab":                       {"-dataset_fp", bad},
		"no class \"happy\": there are law (0), mood (1)": {"-dataset_fp", good, "-default_class", "happy"},
		"-test_share is 1":                                {"-dataset_fp", good, "-test_share", "1"},
		"-epochs 0":                                       {"-dataset_fp", good, "-epochs", "0"},
		"-learning_rate is 0":                             {"-dataset_fp", good, "-learning_rate", "0"},
		"unknown dtype":                                   {"-dataset_fp", good, "-dtype", "f8"},
		"making the output folder":                        {"-dataset_fp", good, "-output_fp", filepath.Join(good, "x")},
		"-head and -predict belong together":              {"-head", "x"},
		"there is no":                                     {"-head", filepath.Join(dir, "none"), "-predict", "a"},
		"; and the embedded ones are topics":              {"-head", filepath.Join(dir, "none"), "-predict", "a"},
		"topics: the head reads hidden states of width ":  {"-head", "topics", "-predict", "a"},
		"width 5":          {"-head", filepath.Join(dir, "narrow"), "-predict", "a"},
		"with the hash 00": {"-head", filepath.Join(dir, "foreign"), "-predict", "a"},
	} {
		_, err := call(t, "", args...)
		assert.ErrorContains(t, err, want, args)
	}
	_, err = call(t, "", "-dataset_fp", good, "-model", t.TempDir())
	assert.ErrorContains(t, err, "no config.json")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := t.TempDir()
	err = run(ctx, []string{"-model", model, "-dataset_fp", good, "-output_fp", out}, nil, &bytes.Buffer{}, &bytes.Buffer{})
	assert.ErrorIs(t, err, context.Canceled)
	left, err := os.ReadDir(out)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// What another way of reading computed is not taken from the cache.
func TestCacheKey(t *testing.T) {
	out := t.TempDir()
	args := []string{"-dataset_fp", write(t, "d.tsv", rows(5, "%s\t%s!\n")), "-output_fp", out, "-epochs", "1", "-cached"}
	for _, more := range [][]string{nil, {"-compat"}, {"-dtype", "float64"}, {"-dtype", "bf16"}} {
		text, err := call(t, "", append(args, more...)...)
		require.NoError(t, err)
		assert.NotContains(t, text, "found")
	}
	text, err := call(t, "", append(args, "-compat")...)
	require.NoError(t, err)
	assert.Contains(t, text, "found")
}

func TestDamagedCache(t *testing.T) {
	out := t.TempDir()
	args := []string{"-dataset_fp", write(t, "d.tsv", rows(5, "%s\t%s\n")), "-output_fp", out, "-epochs", "1", "-cached"}
	_, err := call(t, "", args...)
	require.NoError(t, err)
	found, err := filepath.Glob(filepath.Join(out, "representations-*"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.NoError(t, os.WriteFile(found[0], []byte("x"), 0o666))
	_, err = call(t, "", args...)
	assert.ErrorContains(t, err, found[0])
}
