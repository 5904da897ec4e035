package golden

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A kind claims all cases whose names begin with it, and no other folder or file.
func TestEach(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TILLER_GOLDEN", dir)
	set := filepath.Join(dir, "some")
	for _, name := range []string{"words", "words_b", "words_c", "other"} {
		require.NoError(t, os.MkdirAll(filepath.Join(set, name), 0o777))
		if name != "words_c" {
			require.NoError(t, os.WriteFile(filepath.Join(set, name, "case.json"), []byte(`{"case": "`+name+`"}`), 0o666))
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(set, "words.txt"), nil, 0o666))
	assert.Equal(t, []string{"other", "words", "words_b"}, Names(t, "some"))
	for kind, want := range map[string][]string{"words*": {"words", "words_b"}, "words": {"words"}} {
		var got []string
		Each(t, "some", func(t *testing.T, c *Case) {
			var document struct {
				Case string `json:"case"`
			}
			c.Decode(t, &document)
			assert.Equal(t, c.Name, document.Case)
			got = append(got, c.Name)
		}, kind)
		assert.Equal(t, want, slices.Sorted(slices.Values(got)), kind)
	}
}
