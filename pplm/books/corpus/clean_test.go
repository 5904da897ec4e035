package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"lines joined", "It was\nthe best\r\nof times.\n\n\n\nIt was\nthe worst.\n", "It was the best of times.\n\nIt was the worst."},
		{"verse stays", "He sang:\n  one line\n  another\nand left.\n", "He sang:\none line\nanother\nand left."},
		{"marks go", "\ufeff“So” _very_ ‘good’—he  said.\n[Illustration: a\nhorse]\n", "\"So\" very 'good'--he said."},
		{"empty", "", ""},
	} {
		assert.Equal(t, c.want, clean(c.text), c.name)
	}
}

func TestPassages(t *testing.T) {
	words := func(n int) string { return strings.TrimSpace(strings.Repeat("word ", n)) + "." }
	text := words(30) + " " + words(8) + " " + words(20) + "\n\n" + words(5) + "\n\n" + words(50)
	got := slices.Collect(passages(text))
	require.Len(t, got, 3, "the short paragraph goes")
	for i, n := range []int{38, 20, 50} {
		assert.Len(t, strings.Fields(got[i]), n)
	}
}

func TestRunErrors(t *testing.T) {
	var out strings.Builder
	assert.ErrorContains(t, run([]string{"-topics", "nothing"}, &out), `"nothing" is not a topic, a colon and a file`)
	assert.ErrorContains(t, run(nil, &out), "give -books or -topics")
	assert.ErrorContains(t, run([]string{"-books", "no/such/file"}, &out), "no/such/file")
	assert.Empty(t, out.String())
}

func TestTopics(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("One two three four five six seven eight nine ten eleven twelve. ", 4)
	for name, text := range map[string]string{"a": strings.Repeat(long+"\n\n", 5), "b": long} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	var out strings.Builder
	arg := "x:" + filepath.Join(dir, "a") + ",y:" + filepath.Join(dir, "b")
	require.NoError(t, run([]string{"-topics", arg, "-most", "3"}, &out))
	assert.Equal(t, 3, strings.Count(out.String(), "x\tOne two"))
	assert.Equal(t, 2, strings.Count(out.String(), "y\tOne two"))
	assert.Equal(t, []string{"0", "2", "5"}, evenly([]string{"0", "1", "2", "3", "4", "5", "6", "7"}, 3))
}
