package bpe_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/nn/bpe"
)

// folder is a vocabulary of bytes, "ab" and "abc", and a special token.
func folder(t testing.TB) fstest.MapFS {
	tok, err := bpe.Train(t.Context(), "ababcabc", 258, nil)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, tok.Save(dir))
	files := fstest.MapFS{}
	for _, name := range []string{bpe.VocabFile, bpe.MergesFile} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		files[name] = &fstest.MapFile{Data: data}
	}
	edit(t, files, bpe.VocabFile, "\n}", ",\n\"<|end|>\": 258\n}")
	return files
}

func edit(t testing.TB, files fstest.MapFS, name, old, new string) {
	text := string(files[name].Data)
	require.Contains(t, text, old)
	files[name] = &fstest.MapFile{Data: []byte(strings.Replace(text, old, new, 1))}
}

// inOne is a folder's tokenizer.json.
func inOne(t testing.TB, files fstest.MapFS) map[string]any {
	var vocab map[string]int
	require.NoError(t, json.Unmarshal(files[bpe.VocabFile].Data, &vocab))
	var merges []any
	for i, line := range strings.Split(strings.TrimSpace(string(files[bpe.MergesFile].Data)), "\n")[1:] {
		if i%2 == 0 {
			merges = append(merges, line)
		} else {
			merges = append(merges, strings.Fields(line))
		}
	}
	return map[string]any{
		"added_tokens":  []any{map[string]any{"id": 258, "content": "<|end|>", "special": true}},
		"normalizer":    nil,
		"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
		"model":         map[string]any{"type": "BPE", "dropout": nil, "continuing_subword_prefix": "", "vocab": vocab, "merges": merges},
	}
}

func onlyJSON(t testing.TB, doc any) fstest.MapFS {
	data, err := json.Marshal(doc)
	require.NoError(t, err)
	return fstest.MapFS{"tokenizer.json": &fstest.MapFile{Data: data}}
}

func TestLoad(t *testing.T) {
	crlf := folder(t)
	crlf[bpe.MergesFile] = &fstest.MapFile{Data: []byte("a b\r\nab c\r\n\r\n")}
	for name, files := range map[string]fstest.MapFS{
		"files": folder(t), "no version, CRLF": crlf, "tokenizer.json": onlyJSON(t, inOne(t, folder(t))),
	} {
		tok, err := bpe.LoadFS(files)
		require.NoError(t, err, name)
		assert.Equal(t, 259, tok.Size(), name)
		assert.Equal(t, []int32{258}, tok.Special(), name)
		assert.Equal(t, "ab", tok.Token(256), name)
		assert.Equal(t, []int32{257, 256, 65}, tok.Encode("abcabb"), name)
		assert.Equal(t, []int32{256, 258, 258, 65}, tok.EncodeSpecial("ab<|end|><|end|>b"), name)
		assert.Equal(t, "ab<|end|>", tok.Decode([]int32{256, 258}), name)
		assert.Len(t, tok.Encode("<|end|>"), 7, "plain text is never special")
	}
}

func TestLoadAdded(t *testing.T) {
	files := folder(t)
	files[bpe.AddedFile] = &fstest.MapFile{Data: []byte(`{"end of text": 259, "<|end|>er": 260, "abc": 257, "PAD": 261, "!": 0}`)}
	tok, err := bpe.LoadFS(files)
	require.NoError(t, err)
	assert.Equal(t, 262, tok.Size())
	assert.Equal(t, []int32{0, 257, 258, 259, 260, 261}, tok.Special())
	assert.Equal(t, []int32{259, 260, 258, 257, 261}, tok.EncodeSpecial("end of text<|end|>er<|end|>abcPAD"), "the longest first")
	assert.Equal(t, []int32{257}, tok.Encode("abc"), "merges make it too")

	dir := t.TempDir()
	require.NoError(t, tok.Save(dir))
	again, err := bpe.Load(dir)
	require.NoError(t, err)
	assert.Equal(t, tok.Special(), again.Special())
	for id := range int32(262) {
		assert.Equal(t, tok.Token(id), again.Token(id))
	}
	require.NoError(t, trained(t, 300).Save(dir))
	again, err = bpe.Load(dir)
	require.NoError(t, err)
	assert.Equal(t, 300, again.Size())
	assert.Empty(t, again.Special(), "of the vocabulary before")
}

// What is saved is what Hugging Face expects: a version line, and a newline at
// the end, of the merges; and spelt tokens.
func TestSave(t *testing.T) {
	tok, err := bpe.Train(t.Context(), " \n \n\n \n\xe9<\xe9<", 258, nil)
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "new", "folder")
	require.NoError(t, tok.Save(dir))
	merges, err := os.ReadFile(filepath.Join(dir, bpe.MergesFile))
	require.NoError(t, err)
	assert.Equal(t, "#version: 0.2\n\u00e9 <\n\u010a \u0120\n", string(merges))
	vocab, err := os.ReadFile(filepath.Join(dir, bpe.VocabFile))
	require.NoError(t, err)
	for _, line := range []string{"{\n\"!\": 0,\n\"\\\"\": 1,\n", "\"<\": 27,\n", "\n\"\u0120\": 220,\n", "\n\"\u0143\": 255,\n\"\u00e9<\": 256,\n\"\u010a\u0120\": 257\n}\n"} {
		assert.Contains(t, string(vocab), line)
	}
	again, err := bpe.Load(dir)
	require.NoError(t, err)
	assert.Equal(t, tok.Encode(" \n\xe9<"), again.Encode(" \n\xe9<"))
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	assert.ErrorContains(t, tok.Save(file), "saving a vocabulary: ")
}

func TestLoadErrors(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{bpe.VocabFile, "{", "[", "reading a vocabulary: vocab.json: invalid character ':'"},
		{bpe.VocabFile, "\"!\": 0", "\"!\": 0.5", "vocab.json: json: cannot unmarshal number 0.5"},
		{bpe.VocabFile, "\"!\": 0,\n", "", `vocab.json: token "<|end|>" has the id 258, but there are 258 tokens`},
		{bpe.VocabFile, "\"!\": 0", "\"!\": -1", `token "!" has the id -1, but there are 259 tokens`},
		{bpe.VocabFile, "\"!\": 0", "\"!\": 1", `tokens "!" and "\"" both have the id 1`},
		{bpe.VocabFile, "\"!\": 0", "\"<!>\": 0", "there is no token for the byte 0x21: it is no byte-level vocabulary"},
		{bpe.VocabFile, "\"<|end|>\"", "\"\"", "token 258 is empty"},
		{bpe.VocabFile, "\"<|end|>\"", "\"end\"", `no merge makes token 258, "end", and it is not among the added tokens`},
		{bpe.VocabFile, "\"<|end|>\"", "\"\\ud800\"", `no merge makes token 258, "` + "\ufffd" + `"`},
		{bpe.VocabFile, "\"abc\"", "\"abd\"", `merge 2 of "ab" and "c": the vocabulary has no "abc"`},
		{bpe.MergesFile, "ab c", "ab", `merges.txt: line 3: "ab" is not two tokens with a space between them`},
		{bpe.MergesFile, "ab c", "a b c", `merges.txt: line 3: "a b c" is not two tokens`},
		{bpe.MergesFile, "ab c", "abx c", `merge 2 of "abx" and "c": the vocabulary has no "abx"`},
		{bpe.MergesFile, "ab c", "a b", `merge 2 of "a" and "b" repeats merge 1`},
		{bpe.MergesFile, "a b\nab c", "ab c\na b", `merge 1 of "ab" and "c": no merge before it makes "ab"`},
		{bpe.MergesFile, "a b\nab c", "b abc\na b", `merge 1 of "b" and "abc": the vocabulary has no "babc"`},
		{bpe.MergesFile, "\nab c", "", `no merge makes token 257, "abc"`},
	}
	for _, tt := range tests {
		files := folder(t)
		edit(t, files, tt.name, tt.old, tt.new)
		_, err := bpe.LoadFS(files)
		if assert.ErrorContains(t, err, tt.want) {
			assert.NotContains(t, err.Error(), "\n")
		}
	}
	files := folder(t)
	edit(t, files, bpe.VocabFile, "\"abc\"", "\"aab\"")
	edit(t, files, bpe.MergesFile, "a b\nab c", "a ab\na b")
	_, err := bpe.LoadFS(files)
	assert.ErrorContains(t, err, `merge 1 of "a" and "ab": no merge before it makes "ab"`)
	files = folder(t)
	files[bpe.AddedFile] = &fstest.MapFile{Data: []byte(`{"<|end|>": 3}`)}
	_, err = bpe.LoadFS(files)
	assert.ErrorContains(t, err, `token "<|end|>" has the id 258, and 3 among the added tokens`)
	files[bpe.AddedFile] = &fstest.MapFile{Data: []byte(`[]`)}
	_, err = bpe.LoadFS(files)
	assert.ErrorContains(t, err, "added_tokens.json: json: cannot unmarshal array")
	for _, name := range []string{bpe.VocabFile, bpe.MergesFile} {
		files := folder(t)
		delete(files, name)
		_, err = bpe.LoadFS(files)
		assert.ErrorContains(t, err, "reading a vocabulary: open "+name)
		assert.ErrorIs(t, err, fs.ErrNotExist)
	}
	dir := t.TempDir()
	_, err = bpe.Load(dir)
	assert.EqualError(t, err, dir+": reading a vocabulary: open vocab.json: no such file or directory")
}

func TestLoadTokenizerJSONErrors(t *testing.T) {
	tests := []struct {
		part, key string
		value     any
		want      string
	}{
		{"model", "type", "WordPiece", "tokenizer.json: the model is of type WordPiece: want BPE"},
		{"model", "end_of_word_suffix", "</w>", "mark where words begin or end"},
		{"model", "continuing_subword_prefix", "##", "mark where words begin or end"},
		{"model", "ignore_merges", true, "ignore_merges"},
		{"model", "merges", []any{"a b", 5}, "tokenizer.json: merge 2: 5 is not two tokens"},
		{"model", "merges", []any{"a b", []string{"ab"}}, `merge 2: ["ab"] is not two tokens`},
		{"model", "merges", []any{"a  b"}, `merge 1: "a  b" is not two tokens`},
		{"model", "vocab", []any{}, "cannot unmarshal array"},
		{"pre_tokenizer", "type", "Whitespace", "the pre_tokenizer is not of type ByteLevel"},
		{"pre_tokenizer", "add_prefix_space", true, "add_prefix_space"},
		{"pre_tokenizer", "use_regex", false, "use_regex is false"},
		{"", "pre_tokenizer", nil, "the pre_tokenizer is not of type ByteLevel"},
		{"", "normalizer", map[string]any{"type": "NFC"}, "it has a normalizer, NFC"},
		{"", "added_tokens", []any{}, ""},
		{"", "added_tokens", []any{map[string]any{"id": 999, "content": "x y"}}, `token "x y" has the id 999`},
	}
	for _, tt := range tests {
		doc := inOne(t, folder(t))
		part := doc
		if tt.part != "" {
			part = maps.Clone(doc[tt.part].(map[string]any))
			doc[tt.part] = part
		}
		part[tt.key] = tt.value
		_, err := bpe.LoadFS(onlyJSON(t, doc))
		if tt.want == "" {
			assert.NoError(t, err)
			continue
		}
		if assert.ErrorContains(t, err, tt.want) {
			assert.NotContains(t, err.Error(), "\n")
		}
	}
}

// usable holds a vocabulary that was loaded from anything at all to what every
// vocabulary promises.
func usable(t *testing.T, tok *bpe.Tokenizer) {
	for _, text := range everyPiece {
		require.Equal(t, text, string(tok.DecodeBytes(tok.Encode(text))))
		require.Equal(t, text, string(tok.DecodeBytes(tok.EncodeSpecial(text))))
	}
	dir := t.TempDir()
	require.NoError(t, tok.Save(dir))
	again, err := bpe.Load(dir)
	require.NoError(t, err)
	require.Equal(t, tok.Size(), again.Size())
	require.Equal(t, tok.Special(), again.Special())
	for id := range int32(tok.Size()) {
		require.Equal(t, tok.Token(id), again.Token(id))
		require.Equal(t, tok.Encode(tok.Token(id)), again.Encode(tok.Token(id)))
	}
}

func FuzzLoad(f *testing.F) {
	files := folder(f)
	f.Add(files[bpe.VocabFile].Data, files[bpe.MergesFile].Data, []byte(`{"<|x|>": 259}`))
	f.Add([]byte(`{"a": 0}`), []byte("#version: 0.2\n"), []byte("{}"))
	f.Fuzz(func(t *testing.T, vocab, merges, added []byte) {
		tok, err := bpe.LoadFS(fstest.MapFS{
			bpe.VocabFile: {Data: vocab}, bpe.MergesFile: {Data: merges}, bpe.AddedFile: {Data: added},
		})
		if err == nil {
			usable(t, tok)
		}
	})
}

func FuzzLoadTokenizerJSON(f *testing.F) {
	f.Add(onlyJSON(f, inOne(f, folder(f)))["tokenizer.json"].Data)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		tok, err := bpe.LoadFS(fstest.MapFS{"tokenizer.json": {Data: doc}})
		if err == nil {
			usable(t, tok)
		} else {
			require.False(t, errors.Is(err, fs.ErrNotExist))
		}
	})
}
