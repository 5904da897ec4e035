package bpe

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
)

// The cache has a place for each of cacheSlots hashes; a word that comes to a
// taken place replaces what is there. Longer words are rare and not kept.
const (
	cacheSlots    = 1 << 15
	longestCached = 32
)

// encoded is a word and its ids.
type encoded struct {
	word string
	ids  []int32
}

// Encode are the ids of text, all of it taken for plain text. Any bytes can be
// encoded, and decode to themselves.
func (t *Tokenizer) Encode(text string) []int32 {
	return t.Append(make([]int32, 0, len(text)/3+1), text)
}

// Append is [Tokenizer.Encode] onto the end of ids.
func (t *Tokenizer) Append(ids []int32, text string) []int32 {
	for len(text) > 0 {
		n := wordLen(text)
		ids = t.appendWord(ids, text[:n])
		text = text[n:]
	}
	return ids
}

// EncodeSpecial is [Tokenizer.Encode], but where the text of a special token
// stands in text it becomes that token; of several that begin at one place, the
// longest. What is between them is encoded by itself.
func (t *Tokenizer) EncodeSpecial(text string) []int32 {
	ids := make([]int32, 0, len(text)/3+1)
	plain := 0
	for i := 0; i < len(text); {
		s := t.special.at(text[i:])
		if s == nil {
			i++
			continue
		}
		ids = append(t.Append(ids, text[plain:i]), s.id)
		i += len(s.text)
		plain = i
	}
	return t.Append(ids, text[plain:])
}

func (t *Tokenizer) appendWord(ids []int32, word string) []int32 {
	if len(word) > longestCached {
		return t.merge(ids, word)
	}
	slot := &t.cache[maphash.String(t.seed, word)%cacheSlots]
	if known := slot.Load(); known != nil && known.word == word {
		return append(ids, known.ids...)
	}
	n := len(ids)
	ids = t.merge(ids, word)
	slot.Store(&encoded{strings.Clone(word), slices.Clone(ids[n:])})
	return ids
}

// chain is a word while its pairs are merged: a doubly linked list in an array.
type chain struct {
	nodes []node
	queue queue[candidate]
}

// node is a token of the chain. It is dead, and its size 0, once it has been
// merged into the one before.
type node struct {
	id, size   int32 // size in bytes
	prev, next int32 // -1 at the ends
}

// candidate is a pair that can be merged, if the nodes at at and after it still
// are of size bytes together.
type candidate struct {
	merge
	at, size int32
}

// before orders by rank, and pairs of one rank from left to right.
func (c candidate) before(d candidate) bool {
	if c.rank != d.rank {
		return c.rank < d.rank
	}
	return c.at < d.at
}

// merge appends the ids of a word.
func (t *Tokenizer) merge(ids []int32, word string) []int32 {
	if len(word) == 1 {
		return append(ids, t.bytes[word[0]])
	}
	c := t.scratch.Get().(*chain)
	defer t.scratch.Put(c)
	c.nodes, c.queue = c.nodes[:0], c.queue[:0]
	for i := range len(word) {
		c.nodes = append(c.nodes, node{t.bytes[word[i]], 1, int32(i) - 1, int32(i) + 1})
	}
	c.nodes[len(word)-1].next = -1
	for i := range len(word) - 1 {
		t.offer(c, int32(i))
	}
	for len(c.queue) > 0 {
		top := c.queue.pop()
		n := &c.nodes[top.at]
		if n.size == 0 || n.next < 0 || n.size+c.nodes[n.next].size != top.size {
			continue
		}
		gone := &c.nodes[n.next]
		n.id, n.size, n.next, gone.size = top.id, top.size, gone.next, 0
		if n.next >= 0 {
			c.nodes[n.next].prev = top.at
			t.offer(c, top.at)
		}
		if n.prev >= 0 {
			t.offer(c, n.prev)
		}
	}
	for i := int32(0); i >= 0; i = c.nodes[i].next {
		ids = append(ids, c.nodes[i].id)
	}
	return ids
}

// offer puts the pair at a node into the queue if it can be merged.
func (t *Tokenizer) offer(c *chain, at int32) {
	n := &c.nodes[at]
	right := &c.nodes[n.next]
	if m, ok := t.ranks[pair{n.id, right.id}]; ok {
		c.queue.push(candidate{m, at, n.size + right.size})
	}
}

// specials are the tokens that plain text does not make.
type specials struct {
	all   []special // the longest first
	ids   []int32   // ascending
	first [256]bool // bytes with which one begins
}

type special struct {
	text string
	id   int32
}

func (s *specials) add(id int32, text string) {
	s.all = append(s.all, special{text, id})
	s.ids = append(s.ids, id)
	s.first[text[0]] = true
}

func (s *specials) sort() {
	slices.SortFunc(s.all, func(a, b special) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.id, b.id))
	})
	slices.Sort(s.ids)
}

// at is the longest with which text begins, or nil.
func (s *specials) at(text string) *special {
	if !s.first[text[0]] {
		return nil
	}
	for i := range s.all {
		if strings.HasPrefix(text, s.all[i].text) {
			return &s.all[i]
		}
	}
	return nil
}
