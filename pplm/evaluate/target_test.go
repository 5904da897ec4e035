package main

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/internal/attributes"
)

func TestLogP(t *testing.T) {
	h := &head.Head{Classes: []string{"a", "b"}, Width: 1, Weight: []float64{0, 1}, Bias: []float64{0, 0}}
	x := []float64{math.Log(3)} // p(b) is 3/4
	tests := []struct {
		spec attributes.Spec
		want float64
	}{
		{attributes.Spec{Weight: 1}, math.Log(0.75)},
		{attributes.Spec{Weight: 2}, 2 * math.Log(0.75)},
		{attributes.Spec{Weight: 1, Not: true}, math.Log(0.25)},
		{attributes.Spec{Weight: 0.5, Not: true}, math.Log(0.25) / 2},
	}
	for _, tt := range tests {
		target := &target{spec: tt.spec, read: &judge{head: h, class: 1}}
		assert.InDelta(t, tt.want, target.logP(x), 1e-5)
	}
}

func TestJudges(t *testing.T) {
	stdout, stderr, err := call(t, "-B", "science;space", "-judge", "half", "-single", "-methods", "B;BC")
	assert.ErrorContains(t, err, "no word is a single token", "of a vocabulary this small")
	assert.Empty(t, stdout+stderr)
	bag := write(t, "b.txt", "the\nof\nand\nnebula\nto\nlicense\n")
	stdout, stderr, err = call(t, "-B", "!"+bag+":0.5", "-judge", bag, "-single", "-methods", "B;BC")
	require.NoError(t, err)
	assert.Contains(t, stderr, "words are several tokens and are dropped: ")
	assert.Regexp(t, `\nnot b:0.5: a bag of \d words, 6 words judge \(\d of them steer too\);`, stdout)
}

func TestDoubtfulJudge(t *testing.T) {
	h, err := head.New([]string{"dull", "bright"}, 24, 1)
	require.NoError(t, err)
	h.Model = "gpt2-medium"
	path := filepath.Join(t.TempDir(), "mood")
	require.NoError(t, h.Save(path))
	_, stderr, err := call(t, "-B", "space;science", "-judge_head", path, "-judge_label", "dull;bright", "-methods", "B", "-length", "2")
	require.NoError(t, err)
	assert.Equal(t, "warning: -judge_head "+path+`: the head was trained on the language model "gpt2-medium" and its file has no hash: nothing tells whether "model" is the same`+"\n", stderr)
}
