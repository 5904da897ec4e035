package corpus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// WordsFile holds the words of a [WordVocab] in a model's folder, a line each, in
// the order of their ids.
const WordsFile = "words.txt"

// The words that stand for something else.
const (
	EndOfLine   = "<eos>"
	UnknownWord = "<unk>"
)

// maxWords bounds a vocabulary that is read from a file.
const maxWords = 1 << 24

// WordVocab numbers a text by its words, as the reference's data.py does: what
// stands between white space is a word, and each end of a line is one, <eos>. It
// does not change once made, and any number of goroutines may use it.
//
// A word that the vocabulary does not have is <unk> where it has that; else it
// cannot be expressed. Text comes back with one space before each word and a
// newline for each <eos>.
type WordVocab struct {
	words    []string
	ids      map[string]int32
	eos, unk int32 // unk is -1 where there is none
}

// LearnWords is the vocabulary of the words in text, the most frequent first, and
// of equally frequent ones the first to occur; <eos> is counted among them. With
// most above 0 it has at most so many words: the least frequent ones become
// <unk>, whose place is by their number together, and which is there in any
// case.
func LearnWords(ctx context.Context, text []byte, most int, tell Progress) (*WordVocab, error) {
	words, err := countWords(ctx, text, tell)
	if err != nil {
		return nil, err
	}
	if most > 0 {
		words = mostFrequent(words, most)
	}
	sortWords(words)
	spelt := make([]string, len(words))
	for i, w := range words {
		spelt[i] = w.word
	}
	return makeWordVocab(spelt)
}

// counted is a word and how often it occurs.
type counted struct {
	word  string
	count int64
}

// countWords are the words of text as they first occur, the end of a line among
// them.
func countWords(ctx context.Context, text []byte, tell Progress) ([]counted, error) {
	var words []counted
	at := map[string]int32{}
	add := func(word []byte) {
		i, ok := at[string(word)]
		if !ok {
			i = int32(len(words))
			words = append(words, counted{string(word), 0})
			at[words[i].word] = i
		}
		words[i].count++
	}
	eos := []byte(EndOfLine)
	done := 0
	for piece := range pieces(text) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("counting words: %w", err)
		}
		for word := range scanWords(piece) {
			if word == nil {
				word = eos
			}
			add(word)
		}
		done += len(piece)
		tell.tell("counting words", int64(done), int64(len(text)))
	}
	if !endsLine(text) {
		add(eos)
	}
	return words, nil
}

func sortWords(words []counted) {
	slices.SortStableFunc(words, func(a, b counted) int {
		switch {
		case a.count > b.count:
			return -1
		case a.count < b.count:
			return 1
		}
		return 0
	})
}

// mostFrequent keeps most words, <eos> and <unk> among them, and counts the rest
// as <unk>.
func mostFrequent(words []counted, most int) []counted {
	special := func(w counted) bool { return w.word == EndOfLine || w.word == UnknownWord }
	sortWords(words)
	room, unknown := max(most-2, 0), counted{word: UnknownWord}
	kept := words[:0:0]
	for _, w := range words {
		switch {
		case w.word == UnknownWord:
			unknown.count += w.count
		case special(w):
			kept = append(kept, w)
		case room > 0:
			room--
			kept = append(kept, w)
		default:
			unknown.count += w.count
		}
	}
	return append(kept, unknown)
}

var errNoEnd = errors.New("it has no " + EndOfLine)

// makeWordVocab keeps words, which must differ and hold no white space.
func makeWordVocab(words []string) (*WordVocab, error) {
	v := &WordVocab{words: words, ids: make(map[string]int32, len(words)), eos: -1, unk: -1}
	for i, word := range words {
		if word == "" || strings.IndexFunc(word, isSpace) >= 0 {
			return nil, fmt.Errorf("entry %d, %.40q, is not a word", i, word)
		}
		if before, ok := v.ids[word]; ok {
			return nil, fmt.Errorf("entries %d and %d are both %.40q", before, i, word)
		}
		v.ids[word] = int32(i)
	}
	if id, ok := v.ids[UnknownWord]; ok {
		v.unk = id
	}
	id, ok := v.ids[EndOfLine]
	if !ok {
		return nil, errNoEnd
	}
	v.eos = id
	return v, nil
}

// Len is the number of words.
func (v *WordVocab) Len() int { return len(v.words) }

// Unit is "word".
func (v *WordVocab) Unit() string { return "word" }

// Encode are the words of text. A last line that does not end has no <eos>.
func (v *WordVocab) Encode(text []byte) ([]int32, error) {
	ids := make([]int32, 0, len(text)/5+1)
	for word, end := range scanWords(text) {
		if word == nil {
			ids = append(ids, v.eos)
			continue
		}
		id, ok := v.ids[string(word)]
		if !ok {
			if id = v.unk; id < 0 {
				return nil, &unknownError{fmt.Sprintf("the word %.40q", word), end - len(word),
					fmt.Sprintf("the %d words of the vocabulary, which has no %s", len(v.words), UnknownWord)}
			}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// Decode are the words with a space before each, and a newline for each <eos>. It
// panics on an id outside the vocabulary.
func (v *WordVocab) Decode(ids []int32) []byte {
	var text []byte
	for _, id := range ids {
		if id == v.eos {
			text = append(text, '\n')
			continue
		}
		text = append(append(text, ' '), v.words[id]...)
	}
	return text
}

// wordsSaved is what stands for a WordVocab, which has a file of its own.
var wordsSaved = []byte(`"words"`)

// Save writes words.txt.
func (v *WordVocab) Save(dir string) (json.RawMessage, error) {
	err := safetensors.WriteAtomic(filepath.Join(dir, WordsFile), func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Join(v.words, "\n")+"\n")
		return err
	})
	return wordsSaved, err
}

func loadWords(dir string) (Vocab, error) {
	data, err := os.ReadFile(filepath.Join(dir, WordsFile))
	if err == nil {
		var v *WordVocab
		if v, err = parseWords(data); err == nil {
			return v, nil
		}
		err = fmt.Errorf("%s: %w", WordsFile, err)
	}
	return nil, fmt.Errorf("%s: reading a vocabulary: %w", dir, err)
}

// parseWords reads what Save writes.
func parseWords(data []byte) (*WordVocab, error) {
	text, ended := strings.CutSuffix(string(data), "\n")
	if !ended {
		return nil, errors.New("the last line does not end")
	}
	if n := strings.Count(text, "\n"); n >= maxWords {
		return nil, fmt.Errorf("it has %d words, at most %d are read", n+1, maxWords)
	}
	return makeWordVocab(strings.Split(text, "\n"))
}

// firstLen is where the first symbol of text ends, its white space included.
func (v *WordVocab) firstLen(text []byte) int {
	for _, end := range scanWords(text) {
		return end
	}
	return len(text)
}

// scanWords gives the words of text, and nil for each end of a line, be it "\n",
// "\r\n" or "\r", with the offset at which each ends. The "\r\n" is one.
func scanWords(text []byte) iter.Seq2[[]byte, int] {
	return func(yield func([]byte, int) bool) {
		for i := 0; i < len(text); {
			n, end := spaceAt(text[i:])
			if n > 0 {
				i += n
				if end && !yield(nil, i) {
					return
				}
				continue
			}
			start := i
			i += wordLen(text[i:])
			if !yield(text[start:i], i) {
				return
			}
		}
	}
}

// spaceAt is the length of the space character that text begins with, 0 where it
// is none, and whether it ends a line.
func spaceAt(text []byte) (n int, endsLine bool) {
	switch c := text[0]; {
	case c == '\n':
		return 1, true
	case c == '\r':
		if len(text) > 1 && text[1] == '\n' {
			return 2, true
		}
		return 1, true
	case c < utf8.RuneSelf:
		if asciiSpace[c] {
			return 1, false
		}
		return 0, false
	}
	r, n := utf8.DecodeRune(text)
	if isSpace(r) {
		return n, false
	}
	return 0, false
}

// wordLen is the length of the word that text begins with.
func wordLen(text []byte) int {
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if asciiSpace[c] {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if isSpace(r) {
			return i
		}
		i += n
	}
	return len(text)
}

// isSpace is what Python's str.split takes for white space: beside Unicode's the
// separators 0x1c to 0x1f.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

var asciiSpace = func() (space [utf8.RuneSelf]bool) {
	for r := range space {
		space[r] = isSpace(rune(r))
	}
	return space
}()

// endsLine tells whether text has no line that is not ended.
func endsLine(text []byte) bool {
	if len(text) == 0 {
		return true
	}
	last := text[len(text)-1]
	return last == '\n' || last == '\r'
}
