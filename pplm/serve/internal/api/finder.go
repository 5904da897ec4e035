package api

import (
	"slices"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/serve/internal/engine"
)

// finder finds the words of a request's bags in its texts, by their last token.
type finder struct {
	names   []string                 // of the bags
	words   []map[int32][]*pplm.Word // of each bag
	longest int                      // tokens of a word
	read    [][]int32                // by sample: its newest tokens
}

func newFinder(r *engine.Request) *finder {
	f := &finder{}
	for i := range r.Attributes {
		bag := r.Attributes[i].Bag
		if bag == nil {
			continue
		}
		words := map[int32][]*pplm.Word{}
		for k := range bag.Words {
			w := &bag.Words[k]
			last := w.Tokens[len(w.Tokens)-1]
			words[last] = append(words[last], w)
			f.longest = max(f.longest, len(w.Tokens))
		}
		f.names, f.words = append(f.names, bag.Name), append(f.words, words)
	}
	for range r.Samples {
		f.read = append(f.read, slices.Clone(r.Prompt[max(0, len(r.Prompt)-f.longest):]))
	}
	return f
}

// bags are the bags of which a word ends with a sample's next token.
func (f *finder) bags(sample int, id int32) []string {
	if f.longest == 0 {
		return nil
	}
	read := append(f.read[sample], id)
	if n := len(read) - f.longest; n > 0 {
		read = slices.Delete(read, 0, n)
	}
	f.read[sample] = read
	var found []string
	for i, words := range f.words {
		ends := func(w *pplm.Word) bool {
			n := len(w.Tokens)
			return n <= len(read) && slices.Equal(read[len(read)-n:], w.Tokens)
		}
		if slices.ContainsFunc(words[id], ends) {
			found = append(found, f.names[i])
		}
	}
	return found
}
