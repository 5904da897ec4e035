package pplm_test

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
)

func TestReadWords(t *testing.T) {
	for _, tt := range []struct{ name, file, want, err string }{
		{"plain", "one\ntwo", "one,two", ""},
		{"blank lines, spaces, carriage returns", "\n one\t\r\n\r\n  \ntwo words \n\n", "one,two words", ""},
		{"a mark at the start", "\ufeffone\n", "one", ""},
		{"other scripts", "naïve\n宇宙\n", "naïve,宇宙", ""},
		{"nothing", "\n \n", "", ""},
		{"not UTF-8", "one\ntw\xff\n", "", `reading a bag of words: b.txt, line 2: "tw\xff" is not UTF-8`},
		{"a control character", "one\n\nt\x00wo\n", "", `reading a bag of words: b.txt, line 3: "t\x00wo" has a control character`},
		{"a long line", strings.Repeat("x", 70000), "", "reading a bag of words: b.txt: a line is longer than 65536 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			words, err := pplm.ReadWords("b.txt", strings.NewReader(tt.file))
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, strings.Join(words, ","))
		})
	}
}

func FuzzReadWords(f *testing.F) {
	f.Add("one\n\ntwo\r\n")
	f.Add("\ufeff\xff")
	f.Fuzz(func(t *testing.T, file string) {
		words, err := pplm.ReadWords("fuzz", strings.NewReader(file))
		if err != nil {
			return
		}
		for _, w := range words {
			if w == "" || w != strings.TrimSpace(w) || !utf8.ValidString(w) || !strings.Contains(file, w) {
				t.Fatalf("%q is not a word of %q", w, file)
			}
		}
	})
}

// letters makes each byte a token, the space before a word none.
func letters(s string) (ids []int32) {
	for _, c := range strings.TrimPrefix(s, " ") {
		ids = append(ids, c-'a')
	}
	return ids
}

func TestNewBag(t *testing.T) {
	b, err := pplm.NewBag("b", []string{"a", "cd", "a"}, letters)
	require.NoError(t, err)
	want := []pplm.Word{{Text: "a", Tokens: []int32{0}, Times: 2}, {Text: "cd", Tokens: []int32{2, 3}, Times: 1}}
	assert.Empty(t, cmp.Diff(want, b.Words))

	single, dropped, err := b.Single()
	require.NoError(t, err)
	assert.Equal(t, []string{"cd"}, dropped)
	assert.Empty(t, cmp.Diff(want[:1], single.Words))

	_, err = pplm.NewBag("b", nil, letters)
	assert.EqualError(t, err, "bag of words b: no words")
	_, err = pplm.NewBag("b", []string{"a", ""}, letters)
	assert.EqualError(t, err, `bag of words b: "" has no tokens`)
	b, err = pplm.NewBag("b", []string{"ab", "cd"}, letters)
	require.NoError(t, err)
	_, dropped, err = b.Single()
	assert.EqualError(t, err, "bag of words b: no word is a single token: nothing is left of 2")
	assert.Equal(t, []string{"ab", "cd"}, dropped)
}

// lossOf is an attribute's loss of samples with given probabilities (B, V).
func lossOf(t *testing.T, b backend.Backend, a pplm.Attribute, probs []float64, tokens ...[]int32) []float64 {
	tape := autograd.NewTape(b)
	defer tape.Free()
	p := tape.Own(backend.FromSlice(b, probs, len(tokens), len(probs)/len(tokens)))
	loss := a.Loss(&pplm.Context{Tape: tape, Logits: autograd.Log(p), Probs: p, Tokens: tokens})
	data, err := backend.Data[float64](b, loss.Value)
	require.NoError(t, err)
	return data
}

func TestBagLoss(t *testing.T) {
	b := openCPU(t, 1)
	p := []float64{0.1, 0.2, 0.05, 0.25, 0.4} // of a, b, c, d, e
	for _, tt := range []struct {
		name, words, read string
		want              float64
	}{
		{"single", "a b", "e", 0.3},
		{"a repeated word counts twice", "a b a", "e", 0.4},
		{"the start of a word", "cd", "e", 0.05},
		{"inside a word", "cd", "ec", 0.05 + 0.25},
		{"deep inside a word", "cde", "ecd", 0.05 + 0.4},
		{"another word with the same start", "cd ce", "e", 0.05},
		{"two ways on", "cd ce", "c", 0.05 + 0.25 + 0.4},
		{"a word within itself", "aab", "aa", 0.1 + 0.2},
		{"the larger count", "a ab a", "e", 0.2},
		{"a short text", "cde", "d", 0.05},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bag, err := pplm.NewBag("b", strings.Fields(tt.words), letters)
			require.NoError(t, err)
			got := lossOf(t, b, bag, p, letters(tt.read))
			assert.InDelta(t, -math.Log(tt.want), got[0], 1e-12)
		})
	}
	t.Run("samples differ", func(t *testing.T) {
		bag, err := pplm.NewBag("b", []string{"cd", "ce"}, letters)
		require.NoError(t, err)
		q := []float64{0.4, 0.1, 0.3, 0.1, 0.1}
		got := lossOf(t, b, bag, append(append([]float64{}, p...), q...), letters("a"), letters("c"))
		assert.InDelta(t, -math.Log(0.05), got[0], 1e-12)
		assert.InDelta(t, -math.Log(0.5), got[1], 1e-12)
	})
}

func TestBagCheck(t *testing.T) {
	info := pplm.Info{Name: "m", Vocabulary: 3}
	require.NoError(t, someBag(t, 0, 2).Check(info))
	assert.EqualError(t, someBag(t, 0, 3).Check(info), `bag of words some: "D" has the token 3: m has 3`)
	assert.EqualError(t, (&pplm.Bag{Name: "x"}).Check(info), "bag of words x: no words")
	assert.EqualError(t, (&pplm.Bag{Name: "x", Words: []pplm.Word{{Text: "w", Tokens: []int32{1}}}}).Check(info),
		`bag of words x: "w" has 1 tokens and stands 0 times in the bag: want 1 or more`)
}
