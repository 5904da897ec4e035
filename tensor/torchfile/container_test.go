package torchfile_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor/torchfile"
)

// rezip is testdata/zip.pt with an entry byteorder more and its entries changed;
// one that comes back nil is left out.
func rezip(t *testing.T, method uint16, change func(name string, body []byte) []byte) []byte {
	archive, err := zip.OpenReader("testdata/zip.pt")
	require.NoError(t, err)
	defer archive.Close()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(name string, body []byte) {
		if body = change(name, body); body == nil {
			return
		}
		to, err := w.CreateHeader(&zip.FileHeader{Name: "any/" + name, Method: method})
		require.NoError(t, err)
		_, err = to.Write(body)
		require.NoError(t, err)
	}
	for _, e := range archive.File {
		r, err := e.Open()
		require.NoError(t, err)
		body, err := io.ReadAll(r)
		require.NoError(t, err)
		add(strings.TrimPrefix(e.Name, "zip/"), body)
	}
	add("byteorder", []byte("little"))
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestZip(t *testing.T) {
	same := func(_ string, body []byte) []byte { return body }
	f, err := torchfile.Parse(rezip(t, zip.Store, same))
	require.NoError(t, err)
	assert.Len(t, f.Names, len(want))
	for text, data := range map[string][]byte{
		"compressed": rezip(t, zip.Deflate, same),
		`storage "1": it is missing`: rezip(t, zip.Store, func(name string, body []byte) []byte {
			if name == "data/1" {
				return nil
			}
			return body
		}),
		`storage "1": 4 elements of F32 do not fit in the 15 bytes`: rezip(t, zip.Store, func(name string, body []byte) []byte {
			if name == "data/1" {
				return body[:15]
			}
			return body
		}),
		`byte order "big"`: rezip(t, zip.Store, func(name string, body []byte) []byte {
			if name == "byteorder" {
				return []byte("big")
			}
			return body
		}),
		"without data.pkl": rezip(t, zip.Store, func(name string, body []byte) []byte {
			if name == "data.pkl" {
				return nil
			}
			return body
		}),
	} {
		_, err := torchfile.Parse(data)
		assert.ErrorContains(t, err, text)
	}
}

func TestLegacyErrors(t *testing.T) {
	legacy, err := os.ReadFile("testdata/legacy.pt")
	require.NoError(t, err)
	at := bytes.LastIndex(legacy, []byte("\x80\x02]q\x00(X")) // of the list of storages
	require.Positive(t, at)
	before := slices.Clip(legacy[:at])
	replace := func(old, new string) []byte {
		require.Contains(t, string(legacy), old)
		return []byte(strings.Replace(string(legacy), old, new, 1))
	}
	const version = "\x80\x02M\xe9\x03."
	for text, data := range map[string][]byte{
		"version 1002 of the format":      replace(version, "\x80\x02M\xea\x03."),
		"big-endian":                      replace("little_endianq\x02\x88", "little_endianq\x02\x89"),
		"16 of 16 storages are missing":   append(before, "\x80\x02]."...),
		"no list of storages":             append(before, "\x80\x02N."...),
		`storage "7" is not named by any`: append(before, "\x80\x02]X\x01\x00\x00\x007a."...),
	} {
		_, err := torchfile.Parse(data)
		assert.ErrorContains(t, err, text)
	}
}
