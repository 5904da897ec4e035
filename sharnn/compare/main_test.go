package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// folder makes a run's folder: its settings, if any, a log of so many lines, each
// tenth with an evaluation, and a model.
func folder(t *testing.T, dir, settings string, lines int) string {
	require.NoError(t, os.MkdirAll(dir, 0o777))
	var log strings.Builder
	for i := 1; i <= lines; i++ {
		head := fmt.Sprintf(`"step":%d,"tokens":%d,"loss":1,"bpc":%g,"wall_s":%d`, i, 1000*i, 2+1/float64(i), 36*i)
		fmt.Fprintf(&log, `{%s,"lr":0.1,"grad_norm":1,"tokens_per_s":%d,"epoch":0}`+"\n", head, 250+i%2*500)
		if i%10 == 0 {
			fmt.Fprintf(&log, `{%s,"split":"valid"}`+"\n", head)
		}
	}
	fmt.Fprintf(&log, `{"step":%d,"tokens":%d,"loss":1,"bpc":2.125,"wall_s":%d,"split":"test"}`+"\n", lines, 1000*lines, 36*lines)
	log.WriteString(`{"step":99,"tok`) // cut off
	require.NoError(t, os.WriteFile(filepath.Join(dir, "log.jsonl"), []byte(log.String()), 0o666))
	if settings != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "train.json"), []byte(settings), 0o666))
	}
	weights := []safetensors.Source{safetensors.FromSlice("a", make([]float32, 12), 3, 4), safetensors.FromSlice("b", make([]float32, 5), 5)}
	require.NoError(t, safetensors.Write(filepath.Join(dir, "model.safetensors"), nil, weights))
	return dir
}

func compared(t *testing.T, args ...string) string {
	var out bytes.Buffer
	require.NoError(t, compare(t.Context(), args, nil, &out, nil))
	return out.String()
}

func TestTable(t *testing.T) {
	root := t.TempDir()
	one := folder(t, filepath.Join(root, "one"), `{"lr": 1e-3, "emsize": 256, "data": "a b.txt", "ema": 0.9, "out": "x", "log": ""}`, 100)
	two := folder(t, filepath.Join(root, "two"), `{"lr": 0.002, "emsize": 256, "data": "", "recompute": true, "out": "y", "log": ""}`, 20)
	bare := folder(t, filepath.Join(root, "bare"), "", 5)
	require.NoError(t, os.Remove(filepath.Join(bare, "model.safetensors")))
	picture := filepath.Join(root, "all.svg")

	got := compared(t, one, two, "-o", picture, bare, filepath.Join(two, "log.jsonl"))
	assert.Equal(t, `run        parameters  tokens  hours  best valid  at step    test  tokens/s  settings that differ
one                17  100000  1.000      2.0100      100  2.1250       375  -data="a b.txt" -ema=0.9 -lr=1e-3 -recompute=-
two                17   20000  0.200      2.0500       20  2.1250       375  -data="" -ema=- -lr=0.002 -recompute=true
bare                -    5000  0.050           -        -  2.1250       417  -
log.jsonl           -   20000  0.200      2.0500       20  2.1250       375  -
`, got)
	svg, err := os.ReadFile(picture)
	require.NoError(t, err)
	for _, want := range []string{">4 runs<", "one: best 2.0100 at step 100, test 2.1250", "two: best 2.0500", ">bare<", "thin: training"} {
		assert.True(t, strings.Contains(string(svg), want), "the picture does not say %s", want)
	}
}

// Folders of one name are called by their paths, and a log may lie elsewhere.
func TestNames(t *testing.T) {
	t.Chdir(t.TempDir())
	folder(t, "a/book", `{"log": "elsewhere.jsonl"}`, 10)
	require.NoError(t, os.Rename("a/book/log.jsonl", "elsewhere.jsonl"))
	folder(t, "b/book", "", 10)
	folder(t, "c", "", 10)
	got := compared(t, "a/book/", "b/book", "c")
	var names []string
	for line := range strings.Lines(got) {
		names = append(names, strings.Fields(line)[0])
	}
	assert.Equal(t, []string{"run", "a/book", "b/book", "c"}, names)
	assert.FileExists(t, "compare.png")
}

// A run that has just begun is in the table.
func TestRunWithoutLines(t *testing.T) {
	t.Chdir(t.TempDir())
	folder(t, "full", `{"lr": 1}`, 10)
	folder(t, "new", `{"lr": 1}`, 10)
	require.NoError(t, os.WriteFile("new/log.jsonl", []byte(`{"step`), 0o666))
	got := compared(t, "full", "new")
	assert.Regexp(t, `(?m)^new +17 +- +- +- +- +- +- +none$`, got)
	err := compare(t.Context(), []string{"new"}, nil, nil, nil)
	assert.EqualError(t, err, "there is nothing to draw: the logs have no line yet")
}

func TestErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	folder(t, "run", `{"lr": 1}`, 10)
	folder(t, "bad", `{"lr": `, 10)
	folder(t, "model", "", 10)
	require.NoError(t, os.WriteFile("model/model.safetensors", []byte("x"), 0o666))
	require.NoError(t, os.WriteFile("foreign", []byte("some\ntext\n"), 0o666))
	require.NoError(t, os.Mkdir("empty", 0o777))
	for _, c := range []struct{ args, want string }{
		{"", "no run to compare: name folders that train wrote"},
		{"absent", "reading a run: stat absent: "},
		{"empty", "reading the log: open empty/log.jsonl: "},
		{"bad", "reading a run: bad/train.json: unexpected EOF"},
		{"model", "reading a run: reading model/model.safetensors: "},
		{"foreign", "reading the log: foreign: line 1: invalid character 's'"},
		{"run -o all.gif", "-o all.gif: want a name that ends in .png or .svg"},
		{"run -o none/all.svg", "writing none/all.svg: "},
		{"run -out x.png", "no flag -out"},
	} {
		err := compare(t.Context(), strings.Fields(c.args), nil, &bytes.Buffer{}, nil)
		assert.ErrorContains(t, err, c.want, c.args)
	}
	var out bytes.Buffer
	assert.ErrorIs(t, compare(t.Context(), []string{"-h"}, nil, &out, nil), flag.ErrHelp)
	assert.Contains(t, out.String(), "[flags] DIR...")
}
