package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSplit(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""},
		{" ...!? ", ""},
		{"The Captain's men, 3rd-class", "the captain men 3rd class"},
		{"don't \u2018quote\u2019 the captain\u2019s 'end'", "don't quote the captain end"},
		{"Caf\u00e9 \u00c9TAT n\u0303", "caf\u00e9 \u00e9tat n\u0303"},
		{"a\nb\tc\ufffdd", "a b c d"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, strings.Join(split(tt.text), " "))
	}
}

func TestShare(t *testing.T) {
	c := newCounter([]string{"War", "war", "New York", "new", "---", "York"})
	assert.Equal(t, 4, c.entries)
	tests := []struct {
		text string
		want float64
	}{
		{"", 0},
		{"peace", 0},
		{"War and WAR's end", 2.0 / 4},
		{"in New York", 2.0 / 3},
		{"a new war", 2.0 / 3},
		{"wars warfare", 0},
		{"york new", 1},
	}
	for _, tt := range tests {
		assert.InDelta(t, tt.want, c.share(split(tt.text)), 1e-15, tt.text)
	}
	assert.Equal(t, 2, c.common(newCounter([]string{"new york", "WAR", "york city"})))
}

// A word that the prompt began is not the text's.
func TestContinued(t *testing.T) {
	tests := []struct{ prompt, text, want string }{
		{"The war", " is over", "is over"},
		{"The war", "fare is", "is"},
		{"The war ", "fare is", "fare is"},
		{"The war", "'s end", "end"},
		{"Oh!", "yes", "yes"},
		{"", "yes", "yes"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, strings.Join(continued(tt.prompt, tt.text), " "))
	}
}

func TestHalves(t *testing.T) {
	words := strings.Fields("e d c B A b a f g")
	drawn, rest, err := halves("x", words, 3)
	require.NoError(t, err)
	assert.ElementsMatch(t, words, append(append([]string{}, drawn...), rest...))
	assert.Equal(t, 4, newCounter(drawn).entries)
	assert.Equal(t, 3, newCounter(rest).entries)
	assert.Zero(t, newCounter(drawn).common(newCounter(rest)))
	again, _, err := halves("x", words, 3)
	require.NoError(t, err)
	assert.Equal(t, drawn, again)
	differ := false
	for seed := range uint64(20) {
		other, _, err := halves("x", words, seed)
		require.NoError(t, err)
		differ = differ || strings.Join(other, "") != strings.Join(drawn, "")
	}
	assert.True(t, differ, "the seed changes nothing")
	_, _, err = halves("x", []string{"One", "one"}, 3)
	assert.EqualError(t, err, "the bag x has 1 word: two at least can be halved")
}

func TestParsePrompts(t *testing.T) {
	prompts, err := parsePrompts("p", strings.NewReader("\ufeffOnce upon\n\n  The lake \r\n\t\n"))
	require.NoError(t, err)
	assert.Equal(t, []string{"Once upon", "The lake"}, prompts)
	tests := []struct{ text, want string }{
		{"", "reading the prompts: p has none"},
		{"\n \n", "reading the prompts: p has none"},
		{"a\n\xff\n", `reading the prompts: p, line 2: "\xff" is not text in UTF-8`},
		{"a\x00b", `reading the prompts: p, line 1: "a\x00b" is not text in UTF-8`},
		{strings.Repeat("x", 1<<17), "reading the prompts: p: bufio.Scanner: token too long"},
	}
	for _, tt := range tests {
		_, err := parsePrompts("p", strings.NewReader(tt.text))
		assert.EqualError(t, err, tt.want)
	}
	own, err := new(settings).readPrompts()
	require.NoError(t, err)
	assert.Len(t, own, 14)
	quick, err := (&settings{quick: true}).readPrompts()
	require.NoError(t, err)
	assert.Equal(t, own[:2], quick)
}
