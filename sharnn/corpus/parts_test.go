package corpus

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOpenParts(t *testing.T) {
	own := map[string]string{"train.txt": "training\n", "valid.txt": "valid\n", "test.txt": "te\x00st", "README": "not read"}
	wiki := map[string]string{"wikitext-2/wiki.train.tokens": "1", "wikitext-2/wiki.valid.tokens": "2", "wikitext-2/wiki.test.tokens": "3"}
	raw := map[string]string{"w/wiki.train.raw": "a", "w/wiki.valid.raw": "b", "w/wiki.test.raw": "c"}
	apart := map[string]string{"a/train.txt": "0123456789", "b/valid.txt": "0123456789", "c/test.txt": "0123456789"}
	tests := []struct {
		name               string
		files              map[string]string
		split              string
		train, valid, test string
		by                 string
	}{
		{"the reference's files", own, AutoSplit, "training\n", "valid\n", "te\x00st", ownSplit},
		{"WikiText", wiki, AutoSplit, "1", "2", "3", ownSplit},
		{"WikiText raw", raw, AutoSplit, "a", "b", "c", ownSplit},
		{"not side by side", apart, AutoSplit, "012345678901234567890123456", "7", "89", "90/5/5"},
		{"cut all the same", wiki, "1/1/1", "3", "1", "2", "1/1/1"}, // by name
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var members []member
			for name, text := range tt.files {
				members = append(members, member{name: name, text: text})
			}
			packed := filepath.Join(t.TempDir(), "corpus.zip")
			require.NoError(t, os.WriteFile(packed, zipped(t, members...), 0o666))
			for _, path := range []string{writeTree(t, tt.files), packed} {
				text, parts, by, err := OpenParts(t.Context(), path, tt.split, nil)
				require.NoError(t, err)
				assert.Equal(t, []string{tt.train, tt.valid, tt.test}, []string{string(parts.Train), string(parts.Valid), string(parts.Test)})
				assert.Equal(t, tt.by, by)
				assert.Equal(t, path, text.Name)
				require.NoError(t, text.Close())
			}
		})
	}
}

func TestOpenPartsErrors(t *testing.T) {
	tests := []struct {
		split string
		files map[string]string
		want  string
	}{
		{"90", map[string]string{"a": "b"}, "want two or three numbers"},
		{AutoSplit, map[string]string{"a": "b"}, "split 90/5/5: 1 bytes are too few"},
		{AutoSplit, map[string]string{"train.txt": "a", "valid.txt": "", "test.txt": "c"}, ": the validation file is empty"},
		{"1/1", map[string]string{"a": "bcd"}, "neither 100 per cent nor the text's 3 bytes"},
		{AutoSplit, nil, "no text: nothing to read"},
	}
	for _, tt := range tests {
		_, _, _, err := OpenParts(t.Context(), writeTree(t, tt.files), tt.split, nil)
		assert.ErrorContains(t, err, tt.want)
	}
}
