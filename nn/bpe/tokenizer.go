package bpe

import (
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
)

// Tokenizer is a vocabulary and the merges that encode with it.
type Tokenizer struct {
	tokens  []string         // the bytes of each id
	ids     map[string]int32 // of each token
	bytes   [256]int32       // ids of the single bytes
	merges  []pair           // in the order in which they were learnt
	ranks   map[pair]merge
	special specials

	seed    maphash.Seed
	cache   []atomic.Pointer[encoded]
	scratch sync.Pool // of *chain
}

// pair are the ids of two neighbours.
type pair struct{ left, right int32 }

// merge is what becomes of a pair: id, once no pair of a lower rank is left.
type merge struct{ rank, id int32 }

// newTokenizer checks the tokens and merges of a vocabulary. isSpecial are the
// ids that are known not to come from merges.
func newTokenizer(tokens []string, merges []pair, isSpecial map[int32]bool) (*Tokenizer, error) {
	t := &Tokenizer{
		tokens: tokens, merges: merges,
		ids:   make(map[string]int32, len(tokens)),
		ranks: make(map[pair]merge, len(merges)),
		seed:  maphash.MakeSeed(),
		cache: make([]atomic.Pointer[encoded], cacheSlots),
	}
	t.scratch.New = func() any { return new(chain) }
	for id, token := range tokens {
		if token == "" {
			return nil, fmt.Errorf("token %d is empty", id)
		}
		if other, ok := t.ids[token]; ok {
			return nil, fmt.Errorf("tokens %d and %d are both %q", other, id, token)
		}
		t.ids[token] = int32(id)
	}
	for b := range t.bytes {
		id, ok := t.ids[string([]byte{byte(b)})]
		if !ok {
			return nil, fmt.Errorf("there is no token for the byte 0x%02x: it is no byte-level vocabulary", b)
		}
		t.bytes[b] = id
	}
	made, err := t.rank()
	if err != nil {
		return nil, err
	}
	for id, token := range tokens {
		if made[id] {
			continue
		}
		if !isSpecial[int32(id)] && wordLen(token) == len(token) {
			return nil, fmt.Errorf("no merge makes token %d, %q, and it is not among the added tokens", id, token)
		}
		t.special.add(int32(id), token)
	}
	for id := range isSpecial {
		if made[id] {
			t.special.add(id, tokens[id])
		}
	}
	t.special.sort()
	return t, nil
}

// rank numbers the merges, and tells which tokens they and the bytes make.
func (t *Tokenizer) rank() ([]bool, error) {
	made := make([]bool, len(t.tokens))
	for _, id := range t.bytes {
		made[id] = true
	}
	for i, p := range t.merges {
		left, right := t.tokens[p.left], t.tokens[p.right]
		id, ok := t.ids[left+right]
		switch {
		case !ok:
			return nil, fmt.Errorf("merge %d of %q and %q: the vocabulary has no %q", i+1, left, right, left+right)
		case !made[p.left]:
			return nil, fmt.Errorf("merge %d of %q and %q: no merge before it makes %q", i+1, left, right, left)
		case !made[p.right]:
			return nil, fmt.Errorf("merge %d of %q and %q: no merge before it makes %q", i+1, left, right, right)
		}
		if first, ok := t.ranks[p]; ok {
			return nil, fmt.Errorf("merge %d of %q and %q repeats merge %d", i+1, left, right, first.rank+1)
		}
		t.ranks[p] = merge{int32(i), id}
		made[id] = true
	}
	return made, nil
}

// Size is the number of tokens, V; ids are 0 to V-1.
func (t *Tokenizer) Size() int { return len(t.tokens) }

// Token are the bytes of an id, which need not be UTF-8. It panics where
// there is no such id.
func (t *Tokenizer) Token(id int32) string { return t.tokens[id] }

// ID is the id of the token of exactly these bytes.
func (t *Tokenizer) ID(token string) (id int32, ok bool) {
	id, ok = t.ids[token]
	return id, ok
}

// Special are the ids of the special tokens, ascending.
func (t *Tokenizer) Special() []int32 { return slices.Clone(t.special.ids) }
