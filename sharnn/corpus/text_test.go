package corpus

import (
	"bytes"
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
			text, err := Open(root)
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
	text, err := Open(link)
	require.NoError(t, err)
	assert.Equal(t, "ab", string(text.Bytes), "a link named by the caller is followed")

	require.NoError(t, os.Symlink("real/b", filepath.Join(root, "again")))
	text, err = Open(root)
	require.NoError(t, err)
	assert.Equal(t, "bab", string(text.Bytes), "links to files are followed, to folders not")

	require.NoError(t, os.Symlink("gone", filepath.Join(root, "broken")))
	_, err = Open(root)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestOpenFile(t *testing.T) {
	binary := "\x00\x01 any bytes \xff"
	root := writeTree(t, map[string]string{"plain": binary, "big": string(bytes.Repeat([]byte("0123456789"), 50_000))})
	text, err := Open(filepath.Join(root, "plain"))
	require.NoError(t, err)
	assert.Equal(t, binary, string(text.Bytes))
	assert.Equal(t, 1, text.Files)

	text, err = Open(filepath.Join(root, "big"))
	require.NoError(t, err)
	assert.Equal(t, bytes.Repeat([]byte("0123456789"), 50_000), text.Bytes)
	assert.Less(t, cap(text.Bytes), 540_000, "a file of known size is read without growing")
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
		{"long", 9, ErrTooLarge, "more than 9 bytes"},
		{"two", 9, ErrTooLarge, "more than 9 bytes"},
		{"two", 5, ErrTooLarge, "more than 5 bytes"},
		{"two", 4, ErrTooLarge, "more than 4 bytes"},
		{"two", 0, ErrTooLarge, "more than 0 bytes"},
		{"long", 10, nil, ""},
		{"two", 10, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			path := filepath.Join(root, tt.path)
			_, err := OpenLimit(path, tt.limit)
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
	_, err := Open(os.DevNull)
	assert.ErrorContains(t, err, "neither a file nor a folder")
}

func TestOpenLimitOfHugeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	require.NoError(t, os.WriteFile(path, nil, 0o666))
	require.NoError(t, os.Truncate(path, 1<<40))
	_, err := Open(path)
	assert.ErrorIs(t, err, ErrTooLarge, "it is refused by its size, without reading it")
}

func TestReadErrorIsKept(t *testing.T) {
	j := joiner{limit: 100}
	err := j.add(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader([]byte("abc")))), 3, false)
	assert.ErrorIs(t, err, iotest.ErrTimeout)
}

func TestSlowReader(t *testing.T) {
	want := bytes.Repeat([]byte("slow "), 5000)
	j := joiner{limit: int64(len(want))}
	require.NoError(t, j.add(iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(want))), 0, true))
	assert.Equal(t, want, j.buf)
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
		if _, err := Open(root); err != nil {
			b.Fatal(err)
		}
	}
}
