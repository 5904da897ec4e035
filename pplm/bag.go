package pplm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
)

// Bag is a bag of words: p(a|x) is the probability that the next token belongs to
// it, the sum over the tokens t for which
//
//	t = w[k] for some word w and some k with w[:k] what a sample has read last,
//
// the first tokens of words and, inside a word, its continuation. For words of one
// token this is the paper's section 3.3 and the reference program. A token counts
// as often as the most frequent of its words stands in the bag, and, where the bag
// is weighed, by how likely a word of the bag is what it begins: see Weighed.
type Bag struct {
	Name  string
	Words []Word // distinct
}

// Word is a word of a bag.
type Word struct {
	Text   string
	Tokens []int32
	Times  int // how often it stands in the bag

	// Rest[k] is the probability that the word is what goes on after its token k;
	// nil counts all as 1.
	Rest []float64
}

// rest is Rest[k].
func (w *Word) rest(k int) float64 {
	if w.Rest == nil {
		return 1
	}
	return w.Rest[k]
}

// NewBag is a bag of words as encode makes them tokens, each with a space before
// it. A bag without words, and a word without tokens, is an error.
func NewBag(name string, words []string, encode func(string) []int32) (*Bag, error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("bag of words %s: no words", name)
	}
	b, at := &Bag{Name: name}, make(map[string]int)
	for _, w := range words {
		if i, again := at[w]; again {
			b.Words[i].Times++
			continue
		}
		tokens := encode(" " + w)
		if len(tokens) == 0 {
			return nil, fmt.Errorf("bag of words %s: %q has no tokens", name, w)
		}
		at[w] = len(b.Words)
		b.Words = append(b.Words, Word{Text: w, Tokens: tokens, Times: 1})
	}
	return b, nil
}

// Single is b without its words of several tokens, which the reference program
// drops, and these words. A bag in which nothing is left is an error.
func (b *Bag) Single() (single *Bag, dropped []string, err error) {
	single = &Bag{Name: b.Name}
	for _, w := range b.Words {
		if len(w.Tokens) == 1 {
			single.Words = append(single.Words, w)
		} else {
			dropped = append(dropped, w.Text)
		}
	}
	if len(single.Words) == 0 {
		return nil, dropped, fmt.Errorf("bag of words %s: no word is a single token: nothing is left of %d", b.Name, len(b.Words))
	}
	return single, dropped, nil
}

// ReadWords reads a bag's words, one a line; name is the file's, for errors.
// Spaces around a word do not count and blank lines are skipped. A line that is
// not UTF-8, or has a control character in its word, is an error.
func ReadWords(name string, r io.Reader) ([]string, error) {
	var words []string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if !utf8.ValidString(line) {
			return nil, fmt.Errorf("reading a bag of words: %s, line %d: %q is not UTF-8", name, n, line)
		}
		word := strings.TrimSpace(line)
		if i := strings.IndexFunc(word, unicode.IsControl); i >= 0 {
			return nil, fmt.Errorf("reading a bag of words: %s, line %d: %q has a control character", name, n, word)
		}
		if word != "" {
			words = append(words, word)
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("a line is longer than %d bytes", bufio.MaxScanTokenSize)
		}
		return nil, fmt.Errorf("reading a bag of words: %s: %w", name, err)
	}
	return words, nil
}

// Check tells what is wrong with a bag for a language model.
func (b *Bag) Check(info Info) error {
	if len(b.Words) == 0 {
		return fmt.Errorf("bag of words %s: no words", b.Name)
	}
	for _, w := range b.Words {
		if len(w.Tokens) == 0 || w.Times < 1 {
			return fmt.Errorf("bag of words %s: %q has %d tokens and stands %d times in the bag: want 1 or more", b.Name, w.Text, len(w.Tokens), w.Times)
		}
		for _, id := range w.Tokens {
			if id < 0 || int(id) >= info.Vocabulary {
				return fmt.Errorf("bag of words %s: %q has the token %d: %s has %d", b.Name, w.Text, id, info.Name, info.Vocabulary)
			}
		}
	}
	return nil
}

// Loss is -log of the probability that the next token is one of the bag's.
func (b *Bag) Loss(c *Context) *autograd.Var {
	batch, v := c.Probs.Value.Dim(0), c.Probs.Value.Dim(1)
	index, factors := b.index(c.Tokens, v)
	k := len(index) / batch
	ids := c.Tape.Own(backend.FromSlice(c.Tape.Backend, index, batch, k))
	p := autograd.Gather(autograd.Reshape(c.Probs, -1), ids) // (B, K)
	if factors != nil {
		p = autograd.Mul(p, c.Constant(factors, batch, k))
	}
	return autograd.Scale(autograd.Log(autograd.Reshape(autograd.Sum(p, 1), batch)), -1)
}

// index are the places in probabilities (B, V) of the tokens that each sample may
// go on with, (B, K), and how much each counts: 0 where rows are filled up to
// equal length; nil where all count once.
func (b *Bag) index(tokens [][]int32, v int) (index []int32, factors []float64) {
	ids, counts, most := make([][]int32, len(tokens)), make([][]float64, len(tokens)), 0
	for i, read := range tokens {
		ids[i], counts[i] = b.next(read)
		most = max(most, len(ids[i]))
	}
	once := true
	for i := range tokens {
		for j := range most {
			place, factor := int32(i*v), 0.0
			if j < len(ids[i]) {
				place, factor = place+ids[i][j], counts[i][j]
			}
			index, factors = append(index, place), append(factors, factor)
			once = once && factor == 1
		}
	}
	if once {
		return index, nil
	}
	return index, factors
}

// next are the bag's tokens that may follow what a sample has read, and how much
// each counts.
func (b *Bag) next(read []int32) (ids []int32, counts []float64) {
	at, most := make(map[int32]int, len(b.Words)), []float64(nil)
	for i := range b.Words {
		w := &b.Words[i]
		for k, id := range w.Tokens {
			if k > len(read) || !slices.Equal(read[len(read)-k:], w.Tokens[:k]) {
				continue
			}
			times := float64(w.Times)
			j, again := at[id]
			if !again {
				j, at[id] = len(ids), len(ids)
				ids, counts, most = append(ids, id), append(counts, 0), append(most, 0)
			}
			counts[j] += times * w.rest(k)
			most[j] = max(most[j], times)
		}
	}
	for j := range counts {
		counts[j] = min(counts[j], most[j])
	}
	return ids, counts
}
