package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/attributes"
)

// made is a text of tokens that are these pieces, with a bag of words.
func made(t *testing.T, prompt string, words []string, pieces ...string) *text {
	var known []string
	id := func(piece string) int32 {
		if !slices.Contains(known, piece) {
			known = append(known, piece)
		}
		return int32(slices.Index(known, piece))
	}
	b, err := pplm.NewBag("b", words, func(word string) (ids []int32) {
		for len(word) > 0 { // the longest piece that it begins with, else a byte
			best := word[:1]
			for _, p := range pieces {
				if strings.HasPrefix(word, p) && len(p) > len(best) {
					best = p
				}
			}
			ids, word = append(ids, id(best)), word[len(best):]
		}
		return ids
	})
	require.NoError(t, err)
	x := newText(prompt, bpe.NewDecoder(func(i int32) string { return known[i] }), newFinder([]*attributes.Attribute{{Bag: b}, {}}))
	for _, p := range pieces {
		x.add(id(p))
	}
	x.end()
	return x
}

func TestBagWords(t *testing.T) {
	words := []string{"law", "hard drive", "drive", "artillery", "caf\u00e9"}
	tests := []struct {
		name   string
		pieces []string
		want   []string
	}{
		{"one", []string{" the", " law"}, []string{"law"}},
		{"at a stop", []string{" law", ".", " law"}, []string{"law", "law"}},
		{"inside a word", []string{" law", "yer"}, []string{}},
		{"a number after it", []string{" law", "7"}, []string{}},
		{"no space before it", []string{" out", "law"}, []string{}},
		{"several tokens", []string{" art", "illery"}, []string{"artillery"}},
		{"begun", []string{" art", " of"}, []string{}},
		{"a word in a longer one", []string{" hard", " drive"}, []string{"hard drive"}},
		{"and alone", []string{" the", " drive"}, []string{"drive"}},
		{"bytes of a character", []string{" caf", "\xc3", "\xa9"}, []string{"caf\u00e9"}},
	}
	for _, tt := range tests {
		x := made(t, "The", words, tt.pieces...)
		assert.Equal(t, tt.want, x.found(), tt.name)
		assert.Equal(t, strings.Join(tt.pieces, ""), x.generated(), tt.name)
	}
	cut := made(t, "", words, " caf", "\xc3")
	assert.Equal(t, " caf\ufffd", cut.content)
}

func TestLines(t *testing.T) {
	tests := []struct {
		content string
		want    []string
	}{
		{"", []string{""}},
		{"one", []string{"one"}},
		{"one two", []string{"one", "two"}},
		{"one t", []string{"one t"}},
		{"one t two", []string{"one t", "two"}},
		{"12345 7", []string{"12345", "7"}},
		{"1234567", []string{"12345", "67"}},
		{"a 1234567", []string{"a", "12345", "67"}},
		{"a\n\nb", []string{"a", "", "b"}},
		{"a b\n", []string{"a b", ""}},
		{"\u00e9t\u00e9 \u00e9t\u00e9", []string{"\u00e9t\u00e9", "\u00e9t\u00e9"}},
		{"     x", []string{"    ", "x"}},
	}
	for _, tt := range tests {
		var got []string
		for _, s := range lines(tt.content, 5) {
			got = append(got, tt.content[s.from:s.to])
		}
		assert.Equal(t, tt.want, got, "%q", tt.content)
	}
}

func FuzzLines(f *testing.F) {
	f.Add("The captain of the surface\n\n of  it", 7)
	f.Add("a \xff\xfe\u00e9 bcdefghij", 3)
	f.Fuzz(func(t *testing.T, content string, width int) {
		width, content = max(1, width&63), content[:min(len(content), 300)]
		whole := lines(content, width)
		for i, s := range whole {
			require.LessOrEqual(t, len([]rune(content[s.from:s.to])), width)
			if i > 0 { // nothing but a space or a newline is left out
				require.Contains(t, []string{"", " ", "\n"}, content[whole[i-1].to:s.from])
			}
		}
		require.Equal(t, len(content), whole[len(whole)-1].to)
		for cut := range content {
			before := lines(content[:cut], width)
			require.GreaterOrEqual(t, len(whole), len(before))
			require.Equal(t, whole[:len(before)-1], before[:len(before)-1], "lines that were whole changed")
		}
	})
}

func TestPaint(t *testing.T) {
	content := "a war\x1b[2J and\tlaw"
	words := []span{{2, 5}, {14, 17}}
	assert.Equal(t, "a war\ufffd[2J and law", paint(content, span{0, len(content)}, words, false))
	assert.Equal(t, "a "+red+"war"+reset+"\ufffd[2J and "+red+"law"+reset, paint(content, span{0, len(content)}, words, true))
	assert.Equal(t, red+"r"+reset+"\ufffd[2", paint(content, span{4, 8}, words, true))
}

// Rows are written once all columns have more; the one after them is drawn again
// and again where that is wanted.
func TestColumns(t *testing.T) {
	var out bytes.Buffer
	left, right := &text{content: "one two three"}, &text{content: "eins"}
	c := newColumns(&out, 21, 2, true, false)
	require.NoError(t, c.plain([]string{"left", "right"}))
	assert.Equal(t, "left      | right\n", out.String())
	out.Reset()
	require.NoError(t, c.grow([]*text{left, right}))
	assert.Empty(t, out.String())
	right.content, right.words = "eins zwei drei", []span{{5, 9}}
	require.NoError(t, c.grow([]*text{left, right}))
	assert.Equal(t, "one two   | eins "+red+"zwei"+reset+"\n", out.String())
	require.NoError(t, c.end([]*text{left, right}))
	assert.Equal(t, "one two   | eins "+red+"zwei"+reset+"\nthree     | drei\n", out.String())

	out.Reset()
	c.live = true
	left.content, right.content, right.words = "one", "", nil
	require.NoError(t, c.grow([]*text{left, right}))
	right.content = "eins"
	require.NoError(t, c.grow([]*text{left, right}))
	require.NoError(t, c.end([]*text{left, right}))
	const back = "\r\x1b[K"
	assert.Equal(t, back+"one       |"+back+"one       | eins"+back+"one       | eins\n", out.String())
}

// On a terminal the first text is drawn token by token, and each sample has its
// columns once.
func TestLive(t *testing.T) {
	for _, columns := range []string{"60", "0"} { // 0: the terminal's, or 80
		live(t, columns)
	}
}

func live(t *testing.T, columns string) {
	s, f, err := parse(small("-B legal -sample -num_samples 2 -columns "+columns), nil)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, s.write(t.Context(), f, true, &out, &out))
	first, second, found := strings.Cut(out.String(), "\n\n")
	require.True(t, found)
	assert.GreaterOrEqual(t, strings.Count(first, "\r\x1b[K"), 8)
	assert.Contains(t, first, "unsteered, sample 1")
	assert.Contains(t, second, "unsteered, sample 2")
	assert.Equal(t, 4, strings.Count(out.String(), "(log p"), "a note for each text")
}
