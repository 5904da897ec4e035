package corpus

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writeTree writes files by their slash-separated names to a new folder.
func writeTree(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o666))
	}
	return root
}

// openAll opens a text and closes it when the test is over.
func openAll(t testing.TB, path string) (*Text, error) { return openLimit(t, path, DefaultLimit) }

func openLimit(t testing.TB, path string, limit int64) (*Text, error) {
	text, err := opener{ctx: t.Context(), limit: limit}.open(path)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, text.Close()) })
	}
	return text, err
}

func TestOpenFolder(t *testing.T) {
	long := string(bytes.Repeat([]byte("x"), sniffLen))
	tests := []struct {
		name   string
		files  map[string]string
		want   string
		nfiles int
		binary int
	}{
		{"one file", map[string]string{"a": "one"}, "one", 1, 0},
		{"path order, not folder by folder", map[string]string{"a/z": "3", "a-b": "1", "a.txt": "2", "b/a": "4", "B": "0"}, "01234", 5, 0},
		{"nothing between files", map[string]string{"1": "no newline", "2": "\n"}, "no newline\n", 2, 0},
		{"hidden left out", map[string]string{"a": "a", ".b": "b", ".git/c": "c", "d/.e/f": "f", "..g": "g"}, "a", 1, 0},
		{"empty left out", map[string]string{"a": "a", "b": ""}, "a", 1, 0},
		{"binary left out", map[string]string{"a": "a", "b": "x\x00y", "c": "c"}, "ac", 2, 1},
		{"zero byte at the end of the sniffed part", map[string]string{"a": "a", "b": long[1:] + "\x00"}, "a", 1, 1},
		{"zero byte behind the sniffed part", map[string]string{"a": "a", "b": long + "\x00"}, "a" + long + "\x00", 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := writeTree(t, tt.files)
			text, err := openAll(t, root)
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(text.Bytes))
			assert.Equal(t, tt.nfiles, text.Files)
			assert.Equal(t, tt.binary, text.Binary)
			assert.Equal(t, root, text.Name)
		})
	}
}

func TestOpenFolderLinks(t *testing.T) {
	root := writeTree(t, map[string]string{"real/a": "a", "real/b": "b"})
	link := filepath.Join(root, "link")
	if err := os.Symlink("real", link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	text, err := openAll(t, link)
	require.NoError(t, err)
	assert.Equal(t, "ab", string(text.Bytes), "a link named by the caller is followed")

	require.NoError(t, os.Symlink("real/b", filepath.Join(root, "again")))
	text, err = openAll(t, root)
	require.NoError(t, err)
	assert.Equal(t, "bab", string(text.Bytes), "links to files are followed, to folders not")

	require.NoError(t, os.Symlink("gone", filepath.Join(root, "broken")))
	_, err = openAll(t, root)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestOpenFile(t *testing.T) {
	binary := "\x00\x01 any bytes \xff"
	root := writeTree(t, map[string]string{"plain": binary, "big": string(bytes.Repeat([]byte("0123456789"), 50_000))})
	text, err := openAll(t, filepath.Join(root, "plain"))
	require.NoError(t, err)
	assert.Equal(t, binary, string(text.Bytes))
	assert.Equal(t, 1, text.Files)

	text, err = openAll(t, filepath.Join(root, "big"))
	require.NoError(t, err)
	assert.Equal(t, bytes.Repeat([]byte("0123456789"), 50_000), text.Bytes)
}

func TestOpenErrors(t *testing.T) {
	root := writeTree(t, map[string]string{
		"empty": "", "none/.hidden": "x", "binary/b": "\x00", "long": "0123456789", "two/a": "01234", "two/b": "56789",
		"empty.gz": "", "empty.zip": "", "text.gz": "not gzip at all", "text.zip": "not a zip",
	})
	tests := []struct {
		path  string
		limit int64
		is    error
		text  string
	}{
		{"missing", 9, fs.ErrNotExist, "missing"},
		{"empty", 9, ErrEmpty, "nothing to read"},
		{"none", 9, ErrEmpty, "nothing to read"},
		{"binary", 9, ErrEmpty, "1 binary files left out"},
		{"empty.gz", 9, ErrEmpty, "nothing to read"},
		{"empty.zip", 9, ErrEmpty, "nothing to read"},
		{"text.gz", 9, nil, "opening gzip: gzip: invalid header"},
		{"text.zip", 9, nil, "opening zip: zip: not a valid zip file"},
		{"two", 9, ErrTooLarge, "more than 9 bytes"},
		{"two", 5, ErrTooLarge, "more than 5 bytes"},
		{"two", 4, ErrTooLarge, "more than 4 bytes"},
		{"two", 0, ErrTooLarge, "more than 0 bytes"},
		{"long", 9, nil, ""}, // it is mapped, not joined
		{"two", 10, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			path := filepath.Join(root, tt.path)
			_, err := openLimit(t, path, tt.limit)
			if tt.text == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "reading text from "+path)
			require.ErrorContains(t, err, tt.text)
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
			}
		})
	}
	_, err := openAll(t, os.DevNull)
	assert.ErrorContains(t, err, "neither a file nor a folder")
}

func TestOpenHugeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	require.NoError(t, os.WriteFile(path, []byte("head"), 0o666))
	require.NoError(t, os.Truncate(path, 1<<36))
	text, err := openAll(t, path)
	require.NoError(t, err)
	assert.Len(t, text.Bytes, 1<<36)
	assert.Equal(t, "head\x00", string(text.Bytes[:5]))
	assert.Zero(t, text.Bytes[1<<36-1])
}

// What is joined or unpacked leaves nothing behind, and stops where it is told to.
func TestScratchIsGone(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	root := writeTree(t, map[string]string{"a": "one", "b": "two"})
	var told []int64
	text, err := Open(t.Context(), root, func(_ string, done, _ int64) { told = append(told, done) })
	require.NoError(t, err)
	assert.Equal(t, "onetwo", string(text.Bytes))
	assert.Equal(t, []int64{3, 6}, told)
	require.NoError(t, text.Close())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Open(ctx, root, nil)
	assert.ErrorIs(t, err, context.Canceled)
	left, err := filepath.Glob(filepath.Join(cache, "*", "*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestReadErrorIsKept(t *testing.T) {
	j := joiner{limit: 100, out: io.Discard}
	err := j.add(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader([]byte("abc")))), false)
	assert.ErrorIs(t, err, iotest.ErrTimeout)
}

func TestSlowReader(t *testing.T) {
	want, got := bytes.Repeat([]byte("slow "), 5000), &bytes.Buffer{}
	j := joiner{limit: int64(len(want)), out: got}
	require.NoError(t, j.add(iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(want))), true))
	assert.Equal(t, want, got.Bytes())
}

func BenchmarkOpenFolder(b *testing.B) {
	files := make(map[string]string)
	for i := range 500 {
		files[filepath.Join(string(rune('a'+i%26)), string(rune('A'+i/26)))] = string(bytes.Repeat([]byte("some text\n"), 5000))
	}
	root := writeTree(b, files)
	b.SetBytes(500 * 50_000)
	b.ReportAllocs()
	for b.Loop() {
		text, err := Open(b.Context(), root, nil)
		if err != nil {
			b.Fatal(err)
		}
		text.Close()
	}
}
