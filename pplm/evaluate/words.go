package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// counter counts the words of a list in texts.
type counter struct {
	phrases map[string][][]string // by first word, the words of each entry
	entries int
}

func newCounter(words []string) *counter {
	c := &counter{phrases: make(map[string][][]string)}
	for _, w := range words {
		phrase := split(w)
		if len(phrase) == 0 || slices.ContainsFunc(c.phrases[phrase[0]], func(p []string) bool { return slices.Equal(p, phrase) }) {
			continue
		}
		c.phrases[phrase[0]] = append(c.phrases[phrase[0]], phrase)
		c.entries++
	}
	return c
}

// share is the part of words that entries of the list take up, 0 where there are
// no words.
func (c *counter) share(words []string) float64 {
	found := 0
	for i := 0; i < len(words); {
		n := 0
		for _, p := range c.phrases[words[i]] {
			if i+len(p) <= len(words) && slices.Equal(words[i:i+len(p)], p) {
				n = max(n, len(p))
			}
		}
		found, i = found+n, i+max(n, 1)
	}
	return float64(found) / float64(max(len(words), 1))
}

// common is how many entries another counter has too.
func (c *counter) common(other *counter) int {
	n := 0
	for first, phrases := range c.phrases {
		for _, p := range phrases {
			if slices.ContainsFunc(other.phrases[first], func(q []string) bool { return slices.Equal(p, q) }) {
				n++
			}
		}
	}
	return n
}

// split is a text's words in lower case, runs of letters, digits and apostrophes,
// without a final 's.
func split(text string) []string {
	var words []string
	for w := range strings.FieldsFuncSeq(strings.ReplaceAll(strings.ToLower(text), "\u2019", "'"), func(r rune) bool { return !inWord(r) }) {
		w = strings.TrimSuffix(strings.Trim(w, "'"), "'s")
		if w != "" {
			words = append(words, w)
		}
	}
	return words
}

func inWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || r == '\'' || r == '\u2019'
}

// continued are the words of what follows a prompt; one that the prompt began is
// the prompt's.
func continued(prompt, text string) []string {
	if last, size := utf8.DecodeLastRuneInString(prompt); size > 0 && inWord(last) {
		text = strings.TrimLeftFunc(text, inWord)
	}
	return split(text)
}

// halves draws half of the distinct words, the larger half where their number is
// odd, and leaves the rest. Words that differ in case alone stay together.
func halves(name string, words []string, seed uint64) (drawn, rest []string, err error) {
	var distinct []string
	for _, w := range words {
		distinct = append(distinct, strings.ToLower(w))
	}
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	n := len(distinct)
	if n < 2 {
		return nil, nil, fmt.Errorf("the bag %s has %d word: two at least can be halved", name, n)
	}
	rand.New(rand.NewPCG(seed, uint64(n))).Shuffle(n, func(i, j int) { distinct[i], distinct[j] = distinct[j], distinct[i] })
	for _, w := range words {
		if slices.Contains(distinct[:(n+1)/2], strings.ToLower(w)) {
			drawn = append(drawn, w)
		} else {
			rest = append(rest, w)
		}
	}
	return drawn, rest, nil
}
