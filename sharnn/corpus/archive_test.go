package corpus

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func gzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes()
}

type member struct {
	name, text string
	mode       fs.FileMode
}

func zipped(t testing.TB, members ...member) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name, Method: zip.Deflate}
		h.SetMode(m.mode | 0o644)
		f, err := w.CreateHeader(h)
		require.NoError(t, err)
		_, err = io.WriteString(f, m.text)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

// rawZip returns a zip whose header declares size bytes for the packed member.
func rawZip(t testing.TB, packed []byte, size uint64, flags uint16) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.CreateRaw(&zip.FileHeader{
		Name: "bomb", Method: zip.Deflate, Flags: flags,
		CompressedSize64: uint64(len(packed)), UncompressedSize64: size,
	})
	require.NoError(t, err)
	_, err = f.Write(packed)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes()
}

// deflated packs n equal bytes, at the best ratio there is.
func deflated(t testing.TB, n int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, flate.BestCompression)
	require.NoError(t, err)
	_, err = w.Write(bytes.Repeat([]byte("a"), n))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func TestOpenArchive(t *testing.T) {
	long := bytes.Repeat([]byte("a long line of text\n"), 100_000)
	tests := []struct {
		name  string
		data  []byte
		want  string
		files int
	}{
		{"a.gz", gzipped(t, long), string(long), 1},
		{"binary.gz", gzipped(t, []byte("\x00\xff")), "\x00\xff", 1},
		{"two streams.GZ", append(gzipped(t, []byte("one ")), gzipped(t, []byte("two"))...), "one two", 1},
		{"enwik8.zip", zipped(t, member{name: "enwik8", text: string(long)}), string(long), 1},
		{"order.ZIP", zipped(t, member{name: "b", text: "2"}, member{name: "a/c", text: "1"}, member{name: "a-b", text: "0"}), "012", 3},
		{"mixed.zip", zipped(t,
			member{name: "dir/", mode: fs.ModeDir}, member{name: "dir/a", text: "text"},
			member{name: "__MACOSX/dir/._a", text: "hidden"}, member{name: "link", text: "dir/a", mode: fs.ModeSymlink},
			member{name: "empty"}, member{name: "binary", text: "\x00"}), "text", 1},
		{"prefixed.zip", zipped(t, member{name: "./a", text: "a"}, member{name: "../b", text: "b"}), "ba", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tt.name)
			require.NoError(t, os.WriteFile(path, tt.data, 0o666))
			text, err := openAll(t, path)
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(text.Bytes))
			assert.Equal(t, tt.files, text.Files)
		})
	}
}

func TestOpenArchiveErrors(t *testing.T) {
	text := bytes.Repeat([]byte("some text "), 1000)
	gz, z := gzipped(t, text), zipped(t, member{name: "m", text: string(text)})
	corrupt := bytes.Clone(z)
	corrupt[len("m")+30+5] ^= 0xff
	bomb := deflated(t, 1<<20)
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"cut.gz", gz[:len(gz)-9], "unpacking gzip: unexpected EOF"},
		{"cut header.gz", gz[:5], "opening gzip: unexpected EOF"},
		{"trailing.gz", append(bytes.Clone(gz), "junk after the end"...), "unpacking gzip: gzip: invalid header"},
		{"cut.zip", z[:len(z)-30], "opening zip: zip: not a valid zip file"},
		{"corrupt.zip", corrupt, `unpacking "m": `},
		{"dirs.zip", zipped(t, member{name: "d/", mode: fs.ModeDir}), "no text: nothing to read"},
		{"bomb.gz", gzipped(t, bytes.Repeat([]byte("a"), 1<<20)), "more than 100000 bytes"},
		{"bomb.zip", rawZip(t, bomb, 1<<20, 0), "more than 100000 bytes"},
		{"declares little.zip", rawZip(t, bomb, 10, 0), `unpacking "bomb": `},
		{"declares much.zip", rawZip(t, deflated(t, 10), 1<<60, 0), `unpacking "bomb": `},
		{"encrypted.zip", rawZip(t, bomb, 1<<20, 1), "it is encrypted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tt.name)
			require.NoError(t, os.WriteFile(path, tt.data, 0o666))
			_, err := openLimit(t, path, 100_000)
			require.ErrorContains(t, err, tt.want)
			require.ErrorContains(t, err, path)
		})
	}
}

// overlapping returns a zip whose n entries all name the same packed bytes.
func overlapping(t testing.TB, n int) []byte {
	t.Helper()
	z := rawZip(t, deflated(t, 1<<16), 1<<16, 0)
	end := len(z) - 22 // the end record, without a comment
	start := int(binary.LittleEndian.Uint32(z[end+16:]))
	dir, tail := z[start:end], bytes.Clone(z[end:])
	binary.LittleEndian.PutUint16(tail[8:], uint16(n))
	binary.LittleEndian.PutUint16(tail[10:], uint16(n))
	binary.LittleEndian.PutUint32(tail[12:], uint32(n*len(dir)))
	out := append(bytes.Clone(z[:start]), bytes.Repeat(dir, n)...)
	return append(out, tail...)
}

func TestZipOverlap(t *testing.T) {
	one, many := overlapping(t, 1), overlapping(t, 1000)
	j := joiner{limit: DefaultLimit, out: io.Discard}
	require.NoError(t, j.addZip(bytes.NewReader(one), int64(len(one))))
	require.EqualValues(t, 1<<16, j.size)
	j = joiner{limit: DefaultLimit, out: io.Discard}
	require.ErrorIs(t, j.addZip(bytes.NewReader(many), int64(len(many))), errOverlap)
	assert.Zero(t, j.size)
}

func FuzzGzip(f *testing.F) {
	f.Add(gzipped(f, []byte("some text")))
	f.Add(gzipped(f, make([]byte, 1<<17)))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		j := joiner{limit: 1 << 16, out: &out}
		err := j.addGzip(bytes.NewReader(data))
		checkBounds(t, &j, &out, err)
	})
}

func FuzzZip(f *testing.F) {
	f.Add(zipped(f, member{name: "a", text: "some text"}, member{name: "b/", mode: fs.ModeDir}))
	f.Add(rawZip(f, deflated(f, 1<<17), 1<<60, 0))
	f.Add(overlapping(f, 5))
	f.Fuzz(func(t *testing.T, data []byte) { checkZip(t, data) })
}

// FuzzZipMember wraps packed bytes in a zip that is sound but for them and for
// the size it declares.
func FuzzZipMember(f *testing.F) {
	f.Add(deflated(f, 10), uint64(10))
	f.Add(deflated(f, 20_000), uint64(1<<20))
	f.Add(deflated(f, 1<<21), uint64(1<<60))
	f.Fuzz(func(t *testing.T, packed []byte, size uint64) { checkZip(t, rawZip(t, packed, size, 0)) })
}

func checkZip(t *testing.T, data []byte) {
	t.Helper()
	for _, own := range []bool{false, true} {
		var out bytes.Buffer
		j := joiner{limit: 1 << 20, own: own, out: &out}
		err := j.addZip(bytes.NewReader(data), int64(len(data)))
		checkBounds(t, &j, &out, err)
	}
}

func checkBounds(t *testing.T, j *joiner, out *bytes.Buffer, err error) {
	t.Helper()
	if int64(out.Len()) != j.size || j.size > j.limit {
		t.Fatalf("%d bytes written and %d counted under a limit of %d: %v", out.Len(), j.size, j.limit, err)
	}
}
