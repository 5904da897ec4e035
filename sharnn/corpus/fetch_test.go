package corpus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestArchives(t *testing.T) {
	for _, a := range archives() {
		assert.Regexp(t, regexp.MustCompile(`^https?://.*\.zip$`), a.url)
		assert.Regexp(t, regexp.MustCompile(`^[0-9a-f]{64}$`), a.sha256)
		assert.Positive(t, a.size)
	}
	_, err := Fetch(t.Context(), "enwik7", nil)
	assert.ErrorContains(t, err, `no corpus is known as "enwik7": want one of enwik8, text8, wikitext-2`)
}

// A file that lies in the corpus's place and is another is neither used nor
// replaced, and nobody is asked.
func TestFetchForeignFile(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	path := filepath.Join(cache, "tiller", "corpora", "enwik8.zip")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
	require.NoError(t, os.WriteFile(path, []byte("foreign"), 0o666))
	_, err := Fetch(t.Context(), "enwik8", nil)
	assert.EqualError(t, err, "fetching enwik8: "+path+": it is another file: it has 7 bytes, and enwik8 36445475; remove it to download it anew")
	require.NoError(t, os.Truncate(path, 36445475))
	_, err = Fetch(t.Context(), "enwik8", nil)
	assert.ErrorContains(t, err, "its SHA-256 is")
	assert.FileExists(t, path)
}

// site serves a file, and counts what it is asked for.
type site struct {
	*httptest.Server
	asked  atomic.Int32
	ranges atomic.Value // the last Range header
}

func serve(t *testing.T, handler http.HandlerFunc) *site {
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		s.ranges.Store(r.Header.Get("Range"))
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestFetch(t *testing.T) {
	whole := make([]byte, 3<<20)
	for i := range whole {
		whole[i] = byte(rand.N(256))
	}
	sum := sha256.Sum256(whole)
	wrong := bytes.Clone(whole)
	wrong[5] ^= 1
	file := func(data []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "corpus.zip", time.Time{}, bytes.NewReader(data))
		}
	}
	unannounced := func(data []byte) http.HandlerFunc { // without Content-Length
		return func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			w.Write(data)
		}
	}
	deaf := func(w http.ResponseWriter, _ *http.Request) { w.Write(whole) } // to Range
	tests := []struct {
		name    string
		handler http.HandlerFunc
		there   []byte // the partial file
		ranges  string
		want    string // the error
		left    []byte // the partial file after an error
	}{
		{"whole", file(whole), nil, "", "", nil},
		{"the rest", file(whole), whole[:1<<20], "bytes=1048576-", "", nil},
		{"all again", deaf, whole[:1<<20], "bytes=1048576-", "", nil},
		{"only to be checked", file(whole), whole, "", "", nil},
		{"wrong", file(wrong), nil, "", "its SHA-256 is", nil},
		{"the rest of a wrong one", file(whole), wrong[:1<<20], "bytes=1048576-", "its SHA-256 is", nil},
		{"too long", file(append(bytes.Clone(whole), 'x')), nil, "", "the server has a file of 3145729 bytes, and corpus has 3145728", []byte{}},
		{"too long a rest", file(append(bytes.Clone(whole), 'x')), whole[:10], "bytes=10-", "the server has a file of 3145729 bytes", whole[:10]},
		{"too long, unannounced", unannounced(append(bytes.Clone(whole), "much too long"...)), nil, "", "it has 3145729 bytes, and corpus 3145728", nil},
		{"too much is there", file(whole), append(bytes.Clone(whole), 'x'), "", "it has 3145729 bytes", nil},
		{"a login page", file([]byte("<html>")), nil, "", "the server has a file of 6 bytes, and corpus has 3145728", []byte{}},
		{"a login page for the rest", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
			whole[:10], "bytes=10-", "the server has a file of 6 bytes, and corpus has 3145728", whole[:10]},
		{"too short, unannounced", unannounced(whole[:100]), nil, "", "it ended after 100 of 3145728 bytes; run the same again to go on", whole[:100]},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3145728")
			w.Write(whole[:100])
		}, nil, "", "unexpected EOF", whole[:100]},
		{"not there", http.NotFound, nil, "", "the server says 404 Not Found", []byte{}},
		{"another part than was asked for", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 5-9/3145728")
			w.WriteHeader(http.StatusPartialContent)
		}, whole[:10], "bytes=10-", "the server says 206", whole[:10]},
		{"no such part", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestedRangeNotSatisfiable) },
			whole[:10], "bytes=10-", "the server says 416", whole[:10]},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.handler)
			var last int64
			f := fetcher{archive{"corpus", s.URL + "/dir/corpus.zip", int64(len(whole)), hex.EncodeToString(sum[:])},
				filepath.Join(t.TempDir(), "corpora"), client(), func(what string, done, total int64) {
					assert.EqualValues(t, len(whole), total)
					last = done
				}}
			if tt.there != nil {
				require.NoError(t, os.MkdirAll(f.dir, 0o777))
				require.NoError(t, os.WriteFile(f.partial(), tt.there, 0o666))
			}
			err := f.fetch(t.Context())
			if ranges, ok := s.ranges.Load().(string); ok {
				assert.Equal(t, tt.ranges, ranges)
			}
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				assert.ErrorContains(t, err, fmt.Sprintf("by hand: put %s, of 3145728 bytes and SHA-256 %x, at %s", f.url, sum, f.path()))
				assert.NoFileExists(t, f.path())
				left, err := os.ReadFile(f.partial())
				assert.Equal(t, tt.left == nil, errors.Is(err, os.ErrNotExist))
				assert.True(t, bytes.Equal(tt.left, left))
				return
			}
			require.NoError(t, err)
			assert.EqualValues(t, len(whole), last)
			got, err := os.ReadFile(f.path())
			require.NoError(t, err)
			assert.True(t, bytes.Equal(whole, got))
			assert.NoFileExists(t, f.partial())

			before := s.asked.Load()
			require.NoError(t, f.fetch(t.Context()))
			assert.Equal(t, before, s.asked.Load(), "it is kept")
		})
	}
}

func TestFetchOffline(t *testing.T) {
	s := serve(t, http.NotFound)
	s.Close()
	f := fetcher{archive{"corpus", s.URL + "/corpus.zip", 5, strings.Repeat("0", 64)}, t.TempDir(), client(), nil}
	err := f.fetch(t.Context())
	assert.ErrorContains(t, err, "refused")
	assert.ErrorContains(t, err, "by hand: put "+f.url+", of 5 bytes and SHA-256 000")
	assert.ErrorContains(t, err, "at "+f.path())
}

// What came before it was cancelled is kept, and the rest is asked for next time.
func TestFetchCancelled(t *testing.T) {
	whole := []byte("the first half|the second half")
	sum := sha256.Sum256(whole)
	ctx, cancel := context.WithCancel(t.Context())
	stalls := true
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !stalls {
			http.ServeContent(w, r, "corpus.zip", time.Time{}, bytes.NewReader(whole))
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(whole)))
		w.Write(whole[:15])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	f := fetcher{archive{"corpus", s.URL + "/corpus.zip", int64(len(whole)), hex.EncodeToString(sum[:])}, t.TempDir(), client(),
		func(_ string, done, _ int64) {
			if done == 15 {
				cancel()
			}
		}}
	assert.ErrorIs(t, f.fetch(ctx), context.Canceled)
	left, err := os.ReadFile(f.partial())
	require.NoError(t, err)
	assert.Equal(t, whole[:15], left)

	stalls, f.tell = false, nil
	require.NoError(t, f.fetch(t.Context()))
	assert.Equal(t, "bytes=15-", s.ranges.Load())
}
