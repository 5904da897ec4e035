package bpe

import (
	"context"
	"fmt"
)

// MinSize is the size of the smallest vocabulary: the bytes and one merge.
const MinSize = 257

// wordsPerCheck is how often counting looks whether it is cancelled.
const wordsPerCheck = 1 << 16

// Train learns a vocabulary of size tokens from text: the 256 bytes, and then
// again and again the pair of neighbours within words that is most frequent; of
// equally frequent ones, that of the lower ids. The same text gives the same
// vocabulary. progress, if not nil, is called after each token with how many of
// size there are. It is an error if size is below [MinSize], if no pair that
// occurs twice is left, or if ctx is cancelled.
func Train(ctx context.Context, text string, size int, progress func(done, size int)) (*Tokenizer, error) {
	if size < MinSize {
		return nil, fmt.Errorf("training a vocabulary of %d tokens: want at least %d, the 256 bytes and a merge", size, MinSize)
	}
	t, err := countWords(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("training a vocabulary: %w", err)
	}
	t.countPairs()
	for len(t.tokens) < size {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("training a vocabulary: %w", err)
		}
		best, ok := t.best()
		if !ok {
			return nil, fmt.Errorf("training a vocabulary of %d tokens: the pairs that occur twice in the text of %d bytes give only %d", size, len(text), len(t.tokens))
		}
		t.merge(best)
		if progress != nil {
			progress(len(t.tokens), size)
		}
	}
	return newTokenizer(t.tokens, t.merges, nil)
}

// trainer is a vocabulary as it grows.
type trainer struct {
	tokens []string
	merges []pair
	words  []word
	pairs  map[pair]*occurrences
	queue  queue[frequent]
	fresh  []pair // that the merge in progress has made
}

// word is a distinct word as it is split now, and how often the text has it.
type word struct {
	ids   []int32
	count int64
}

// occurrences of a pair: how many there are, and the words that may have it.
type occurrences struct {
	count int64
	words []int32 // ascending; some have lost it since
}

// frequent is a pair and its count when it was put into the queue, which is the
// most it can be now.
type frequent struct {
	count int64
	pair
}

func (f frequent) before(g frequent) bool {
	switch {
	case f.count != g.count:
		return f.count > g.count
	case f.left != g.left:
		return f.left < g.left
	}
	return f.right < g.right
}

// countWords splits the text's words into bytes.
func countWords(ctx context.Context, text string) (*trainer, error) {
	t := &trainer{pairs: map[pair]*occurrences{}}
	var ids [256]int32
	for id, b := range byteOrder {
		t.tokens = append(t.tokens, string([]byte{b}))
		ids[b] = int32(id)
	}
	at, seen := map[string]int32{}, 0
	for w := range Words(text) {
		if seen++; seen%wordsPerCheck == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if i, ok := at[w]; ok {
			t.words[i].count++
			continue
		}
		at[w] = int32(len(t.words))
		split := make([]int32, len(w))
		for i := range split {
			split[i] = ids[w[i]]
		}
		t.words = append(t.words, word{split, 1})
	}
	return t, nil
}

func (t *trainer) countPairs() {
	for i, w := range t.words {
		for k := range len(w.ids) - 1 {
			t.gain(pair{w.ids[k], w.ids[k+1]}, int32(i))
		}
	}
	t.enqueue()
}

// gain counts a pair once more in a word.
func (t *trainer) gain(p pair, in int32) {
	o := t.pairs[p]
	if o == nil {
		o = &occurrences{}
		t.pairs[p] = o
		t.fresh = append(t.fresh, p)
	}
	o.count += t.words[in].count
	if n := len(o.words); n == 0 || o.words[n-1] != in {
		o.words = append(o.words, in)
	}
}

// enqueue puts the new pairs into the queue.
func (t *trainer) enqueue() {
	for _, p := range t.fresh {
		if o := t.pairs[p]; o.count > 1 {
			t.queue.push(frequent{o.count, p})
		}
	}
	t.fresh = t.fresh[:0]
}

// best takes the most frequent pair from the queue. One that has lost
// occurrences since it was put there goes back with what it has.
func (t *trainer) best() (pair, bool) {
	for len(t.queue) > 0 {
		f := t.queue.pop()
		count := t.pairs[f.pair].count
		if count == f.count {
			return f.pair, true
		}
		if count < f.count && count > 1 {
			t.queue.push(frequent{count, f.pair})
		}
	}
	return pair{}, false
}

// merge makes a token of a pair, wherever it occurs. The token is new: where the
// same bytes stand between two cuts they have been merged in the same way before,
// so that no other pair makes them.
func (t *trainer) merge(p pair) {
	id := int32(len(t.tokens))
	t.tokens, t.merges = append(t.tokens, t.tokens[p.left]+t.tokens[p.right]), append(t.merges, p)
	for _, w := range t.pairs[p].words {
		t.mergeIn(w, p, id)
	}
	delete(t.pairs, p)
	t.enqueue()
}

// mergeIn does so in a word, and counts what its neighbours lose and gain.
func (t *trainer) mergeIn(in int32, p pair, id int32) {
	w := &t.words[in]
	ids := w.ids
	out := ids[:0]
	for i := 0; i < len(ids); i++ {
		if i+1 == len(ids) || ids[i] != p.left || ids[i+1] != p.right {
			out = append(out, ids[i])
			continue
		}
		if n := len(out); n > 0 {
			t.lose(pair{out[n-1], p.left}, w.count)
			t.gain(pair{out[n-1], id}, in)
		}
		if i+2 < len(ids) {
			t.lose(pair{p.right, ids[i+2]}, w.count)
			t.gain(pair{id, ids[i+2]}, in)
		}
		out = append(out, id)
		i++
	}
	w.ids = out
}

func (t *trainer) lose(p pair, count int64) { t.pairs[p].count -= count }
