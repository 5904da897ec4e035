package bpe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// The files of a vocabulary, as Hugging Face names them.
const (
	VocabFile  = "vocab.json"        // a JSON object of all tokens and their ids
	MergesFile = "merges.txt"        // a line of two tokens for each merge, after a line of the version
	AddedFile  = "added_tokens.json" // special tokens and their ids; may be missing

	tokenizerFile = "tokenizer.json" // all of it, where there is no VocabFile
)

// Load reads the vocabulary in a folder: vocab.json and merges.txt, with
// added_tokens.json where there is one, or, where there is no vocab.json,
// tokenizer.json. One that is not GPT-2's kind of vocabulary, that lacks a byte,
// or whose parts do not belong together is an error that says where.
func Load(dir string) (*Tokenizer, error) {
	t, err := LoadFS(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return t, nil
}

// LoadFS is [Load] from the root of a file system, such as an embedded one.
func LoadFS(files fs.FS) (*Tokenizer, error) {
	read, from := readFiles, VocabFile
	if _, err := fs.Stat(files, VocabFile); errors.Is(err, fs.ErrNotExist) {
		if _, err := fs.Stat(files, tokenizerFile); err == nil {
			read, from = readTokenizerJSON, tokenizerFile
		}
	}
	p, err := read(files)
	if err != nil {
		return nil, fmt.Errorf("reading a vocabulary: %w", err)
	}
	t, err := p.tokenizer()
	if err != nil {
		return nil, fmt.Errorf("reading a vocabulary: %s: %w", from, err)
	}
	return t, nil
}

// parts are what the files say: tokens as they are spelt there.
type parts struct {
	vocab  map[string]int32
	added  map[string]int32
	merges [][2]string
}

func readFiles(files fs.FS) (*parts, error) {
	var p parts
	if err := readJSON(files, VocabFile, &p.vocab); err != nil {
		return nil, err
	}
	if err := readJSON(files, AddedFile, &p.added); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	text, err := fs.ReadFile(files, MergesFile)
	if err != nil {
		return nil, err
	}
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" || i == 0 && strings.HasPrefix(line, "#version") {
			continue
		}
		merge, err := parseMerge(line)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", MergesFile, i+1, err)
		}
		p.merges = append(p.merges, merge)
	}
	return &p, nil
}

func readJSON(files fs.FS, name string, v any) error {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func parseMerge(line string) ([2]string, error) {
	left, right, ok := strings.Cut(line, " ")
	if !ok || left == "" || right == "" || strings.Contains(right, " ") {
		return [2]string{}, fmt.Errorf("%q is not two tokens with a space between them", line)
	}
	return [2]string{left, right}, nil
}

// tokenizer puts the parts together.
func (p *parts) tokenizer() (*Tokenizer, error) {
	merges, made := make([]pair, len(p.merges)), map[string]bool{}
	for i, m := range p.merges {
		for _, token := range m {
			if _, ok := p.vocab[token]; !ok {
				return nil, fmt.Errorf("merge %d of %q and %q: the vocabulary has no %q", i+1, m[0], m[1], token)
			}
		}
		merges[i] = pair{p.vocab[m[0]], p.vocab[m[1]]}
		made[m[0]+m[1]] = true
	}
	tokens, err := p.byID()
	if err != nil {
		return nil, err
	}
	special := map[int32]bool{}
	for id, spelt := range tokens {
		bytes, ok := unspell(spelt)
		_, isAdded := p.added[spelt]
		if isAdded {
			special[int32(id)] = true
		}
		if !isAdded && ok && (made[spelt] || len(bytes) == 1) {
			tokens[id] = bytes
		}
	}
	return newTokenizer(tokens, merges, special)
}

// byID lists the tokens in the order of their ids, which are 0, 1, 2 and so on.
func (p *parts) byID() ([]string, error) {
	all := make(map[string]int32, len(p.vocab)+len(p.added))
	for token, id := range p.vocab {
		all[token] = id
	}
	for token, id := range p.added {
		if other, ok := all[token]; ok && other != id {
			return nil, fmt.Errorf("token %q has the id %d, and %d among the added tokens", token, other, id)
		}
		all[token] = id
	}
	tokens, taken := make([]string, len(all)), make([]bool, len(all))
	for token, id := range all {
		if id < 0 || int(id) >= len(all) {
			return nil, fmt.Errorf("token %q has the id %d, but there are %d tokens", token, id, len(all))
		}
		if taken[id] {
			return nil, fmt.Errorf("tokens %q and %q both have the id %d", min(token, tokens[id]), max(token, tokens[id]), id)
		}
		tokens[id], taken[id] = token, true
	}
	return tokens, nil
}

// tokenizerJSON is what matters of tokenizer.json.
type tokenizerJSON struct {
	Added []struct {
		ID      int32  `json:"id"`
		Content string `json:"content"`
	} `json:"added_tokens"`
	Normalizer   *component `json:"normalizer"`
	PreTokenizer *component `json:"pre_tokenizer"`
	Model        struct {
		Type         string            `json:"type"`
		Vocab        map[string]int32  `json:"vocab"`
		Merges       []json.RawMessage `json:"merges"`
		Prefix       string            `json:"continuing_subword_prefix"`
		Suffix       string            `json:"end_of_word_suffix"`
		IgnoreMerges bool              `json:"ignore_merges"`
	} `json:"model"`
}

type component struct {
	Type     string `json:"type"`
	Prefix   bool   `json:"add_prefix_space"`
	UseRegex *bool  `json:"use_regex"`
}

func readTokenizerJSON(files fs.FS) (*parts, error) {
	var doc tokenizerJSON
	if err := readJSON(files, tokenizerFile, &doc); err != nil {
		return nil, err
	}
	if err := doc.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", tokenizerFile, err)
	}
	p := parts{vocab: doc.Model.Vocab, added: map[string]int32{}}
	for _, a := range doc.Added {
		p.added[a.Content] = a.ID
	}
	for i, raw := range doc.Model.Merges {
		merge, err := parseJSONMerge(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: merge %d: %w", tokenizerFile, i+1, err)
		}
		p.merges = append(p.merges, merge)
	}
	return &p, nil
}

// parseJSONMerge reads "a b" or ["a", "b"].
func parseJSONMerge(raw json.RawMessage) ([2]string, error) {
	var list []string
	if json.Unmarshal(raw, &list) == nil && len(list) == 2 {
		return [2]string(list), nil
	}
	var line string
	if err := json.Unmarshal(raw, &line); err != nil {
		return [2]string{}, fmt.Errorf("%s is not two tokens", raw)
	}
	return parseMerge(line)
}

// check refuses what would encode otherwise than GPT-2 does.
func (d *tokenizerJSON) check() error {
	pre, m := d.PreTokenizer, &d.Model
	switch {
	case m.Type != "" && m.Type != "BPE":
		return fmt.Errorf("the model is of type %s: want BPE", m.Type)
	case pre == nil || pre.Type != "ByteLevel":
		return errors.New("the pre_tokenizer is not of type ByteLevel, GPT-2's")
	case pre.UseRegex != nil && !*pre.UseRegex:
		return errors.New("the pre_tokenizer does not split text as GPT-2 does (use_regex is false)")
	case pre.Prefix:
		return errors.New("the pre_tokenizer puts a space before the text (add_prefix_space), GPT-2's does not")
	case d.Normalizer != nil:
		return fmt.Errorf("it has a normalizer, %s, and GPT-2 has none", d.Normalizer.Type)
	case m.Prefix != "" || m.Suffix != "":
		return errors.New("its tokens mark where words begin or end, GPT-2's do not")
	case m.IgnoreMerges:
		return errors.New("it takes whole words before merges (ignore_merges), GPT-2 does not")
	}
	return nil
}
