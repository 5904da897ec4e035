package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/sharnn/onnx/onnxtest"
	"github.com/tiller-ml/tiller/tensor"
)

const examples = "../../examples/onnx"

// likeliest is a prompt and what a model goes on with, n symbols, the likeliest
// each time.
func likeliest(t *testing.T, dir, prompt string, n int) string {
	m, vocab, err := sharnn.LoadText(newBackend(t), dir, tensor.Float32)
	require.NoError(t, err)
	defer m.Free()
	s, err := sharnn.NewSampler(m, sharnn.Sampling{TopP: 1})
	require.NoError(t, err)
	defer s.Free()
	ids, err := sharnn.Prompt(vocab, []byte(prompt))
	require.NoError(t, err)
	require.NoError(t, s.Feed(t.Context(), ids))
	text := prompt
	for range n {
		id, err := s.Next()
		require.NoError(t, err)
		text += string(vocab.Decode([]int32{id}))
	}
	return text
}

// The examples write the text that the model writes here: of bytes, of tokens,
// whose words and letters each example cuts and spells for itself, and of words.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	words := []string{"of", "<eos>", "the", "<unk>", "caf\u00e9", "sea", "and", "land", "by", "air"}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "words.txt"), []byte(strings.Join(words, "\n")+"\n"), 0o666))
	vocab, err := corpus.LoadVocab(dir, []byte(`"words"`))
	require.NoError(t, err)
	models := []struct{ name, dir, prompt string }{
		{"bytes", checkpoint(t, tensor.Float32, corpus.NewByteVocab([]byte(letters))), "it was a text longer than the memory\n"},
		{"tokens", books, "She'd had 12 caf\u00e9s,  \"and\u2014they've\" gone;\n\n It was "},
		{"words", checkpoint(t, tensor.Float32, vocab), "the caf\u00e9 by\tthe sea\n\nof gold "},
	}
	for _, language := range []struct {
		name  string
		start func(t *testing.T) (program []string, env string)
	}{{"Python", python}, {"JavaScript", javascript("")}, {"JavaScript for browsers", javascript("onnxruntime-web")}, {"Go", goProgram}} {
		t.Run(language.name, func(t *testing.T) {
			program, env := language.start(t)
			for _, m := range models {
				t.Run(m.name, func(t *testing.T) {
					out := filepath.Join(t.TempDir(), "model.onnx")
					export(t, "-checkpoint", m.dir, "-o", out)
					text := runProgram(t, env, append(program, out, m.prompt, "60", "0")...)
					assert.Equal(t, likeliest(t, m.dir, m.prompt, 60)+"\n", text)
				})
			}
			out := filepath.Join(t.TempDir(), "model.onnx")
			export(t, "-checkpoint", models[0].dir, "-o", out)
			assert.Len(t, runProgram(t, env, append(program, out, "drawn ", "20")...), len("drawn ")+20+1)
		})
	}
}

func runProgram(t *testing.T, env string, args ...string) string {
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

func python(t *testing.T) ([]string, string) {
	program := onnxtest.Python(t)
	if err := exec.CommandContext(t.Context(), program, "-c", "import tokenizers").Run(); err != nil {
		onnxtest.Missing(t, "onnxruntime", program+" has no tokenizers")
	}
	return []string{program, filepath.Join(examples, "python/generate.py")}, "PYTHONDONTWRITEBYTECODE=1"
}

// javascript starts the example with the modules of the folder that
// TILLER_NODE_MODULES names, which has the runtime.
func javascript(runtime string) func(t *testing.T) ([]string, string) {
	return func(t *testing.T) ([]string, string) {
		modules := os.Getenv("TILLER_NODE_MODULES")
		if modules == "" {
			onnxtest.Missing(t, "onnxruntime-node", "no JavaScript runtime: TILLER_NODE_MODULES names no folder node_modules with onnxruntime-node and onnxruntime-web")
		}
		dir, env := filepath.Join(t.TempDir(), "js"), ""
		require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(examples, "javascript"))))
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "node_modules")))
		require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
		if runtime != "" {
			env = "ORT=" + runtime
		}
		return []string{"node", filepath.Join(dir, "generate.mjs")}, env
	}
}

// goProgram builds the example for the library that TILLER_ONNXRUNTIME names.
func goProgram(t *testing.T) ([]string, string) {
	library := os.Getenv("TILLER_ONNXRUNTIME")
	if library == "" {
		onnxtest.Missing(t, "onnxruntime-go", "TILLER_ONNXRUNTIME names no shared library of onnxruntime")
	}
	program := filepath.Join(t.TempDir(), "example")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", filepath.Join(examples, "go"), "-o", program, ".")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return []string{program}, "ONNXRUNTIME=" + library
}
