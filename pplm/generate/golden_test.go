package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/nn/bpe"
)

// The texts of the reference's runs, through this program's own run, with each
// file of the head's weights.
func TestGoldenCommand(t *testing.T) {
	golden.Each(t, "pplm", func(t *testing.T, c *golden.Case) {
		var g struct {
			Args   map[string]any `json:"args"`
			Output string         `json:"stdout"`
		}
		c.Decode(t, &g)
		output, _, _ := strings.Cut(g.Output, " ")
		transcript, err := os.ReadFile(filepath.Join(c.Dir, output))
		require.NoError(t, err)
		want := strings.Split(string(transcript), "generated text")
		require.Len(t, want, 3)
		for i := range want {
			_, want[i], _ = strings.Cut(want[i], "=\n")
			want[i], _, _ = strings.Cut(want[i], "\n\n= ")
			want[i] = strings.TrimSuffix(want[i], "\n\n")
		}
		weights, err := filepath.Glob(filepath.Join(c.Dir, "*.pt"))
		require.NoError(t, err)
		if g.Args["discrim"] == nil {
			weights = []string{"bags"}
		}
		require.NotEmpty(t, weights)
		for _, head := range weights {
			args := arguments(filepath.Dir(c.Dir), g.Args, head)
			for _, dtype := range []string{"float32", "float64"} {
				t.Run(filepath.Base(head)+" "+dtype, func(t *testing.T) {
					args := append(args, "-dtype", dtype)
					prompt := "<|endoftext|>" + g.Args["cond_text"].(string)
					assert.Equal(t, want[1:], cleaned(prompt, fromJSON(t, output1(t, append(args, "-json")...))))
					assert.Equal(t, want[1:], cleaned("<|endoftext|>", fromText(t, output1(t, args...))))
				})
			}
		}
	}, "e2e_cli_*")
}

// arguments are the reference's as flags. Its paths start from the folder of the
// set.
func arguments(set string, given map[string]any, head string) []string {
	args := []string{"-single"}
	for name, value := range given {
		switch name {
		case "pretrained_model":
			args = append(args, "-model", filepath.Join(set, value.(string)))
		case "bag_of_words":
			for bag := range strings.SplitSeq(value.(string), ";") {
				args = append(args, "-B", filepath.Join(set, bag))
			}
		case "discrim":
			args = append(args, "-D", head)
		case "discrim_weights", "discrim_meta", "no_cuda", "verbosity":
		default:
			args = append(args, fmt.Sprintf("-%s=%v", name, value))
		}
	}
	return args
}

func cleaned(prefix string, texts []string) []string {
	for i, text := range texts {
		texts[i] = bpe.CleanUp(prefix + text)
	}
	return texts
}

func fromJSON(t *testing.T, out string) (texts []string) {
	for line := range strings.Lines(out) {
		var s sample
		require.NoError(t, json.Unmarshal([]byte(line), &s))
		if s.Type == "sample" {
			texts = append(texts, s.Text)
		}
	}
	return texts
}

// note is the line below a text.
var note = regexp.MustCompile(`\n\((log p -?\d+\.\d\d)?(, )?(\d+ bag words?)?\)$`)

func fromText(t *testing.T, out string) (texts []string) {
	for part := range strings.SplitSeq(strings.TrimSuffix(out, "\n\n"), "\n\n= ") {
		_, text, found := strings.Cut(part, " =\n")
		require.True(t, found, out)
		texts = append(texts, note.ReplaceAllString(text, ""))
	}
	return texts
}
