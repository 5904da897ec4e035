package page

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func get(t *testing.T, method, target, tag string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	if tag != "" {
		r.Header.Set("If-None-Match", tag)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

func TestHandler(t *testing.T) {
	for _, c := range []struct {
		method, target, kind string
		status               int
	}{
		{"GET", "/", "text/html; charset=utf-8", 200},
		{"HEAD", "/", "text/html; charset=utf-8", 200},
		{"GET", "/assets/main.js", "text/javascript; charset=utf-8", 200},
		{"GET", "/assets/page.css", "text/css; charset=utf-8", 200},
		{"GET", "/assets/icon.svg", "image/svg+xml", 200},
		{"GET", "/assets/vendor/uplot/uplot.js", "text/javascript; charset=utf-8", 200},
		{"GET", "/assets/vendor/uplot/LICENSE", "text/plain; charset=utf-8", 200},
		{"GET", "/index.html", "text/plain; charset=utf-8", 404},
		{"GET", "/assets/", "text/plain; charset=utf-8", 404},
		{"GET", "/assets/../page.go", "text/plain; charset=utf-8", 404},
		{"GET", "/page.go", "text/plain; charset=utf-8", 404},
		{"POST", "/", "text/plain; charset=utf-8", 405},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			w := get(t, c.method, c.target, "")
			assert.Equal(t, c.status, w.Code)
			assert.Equal(t, c.kind, w.Header().Get("Content-Type"))
			assert.Equal(t, Policy, w.Header().Get("Content-Security-Policy"))
			assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			if c.status != 200 {
				return
			}
			assert.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
			again := get(t, c.method, c.target, w.Header().Get("ETag"))
			assert.Equal(t, http.StatusNotModified, again.Code)
			assert.Empty(t, again.Body.String())
			assert.Equal(t, http.StatusOK, get(t, c.method, c.target, `"another"`).Code)
		})
	}
}

// TestNothingInline finds what the policy would not let run, and files that are
// named but not there.
func TestNothingInline(t *testing.T) {
	html, err := files.ReadFile("index.html")
	require.NoError(t, err)
	assert.NotRegexp(t, `(?i)\son[a-z]+\s*=|\sstyle\s*=|javascript:|<style`, string(html))
	assert.NotRegexp(t, `<script[^>]*>[^<]`, string(html))
	for _, m := range regexp.MustCompile(`(?:src|href)="(/assets/[^"]*)"`).FindAllStringSubmatch(string(html), -1) {
		assert.Equal(t, http.StatusOK, get(t, "GET", m[1], "").Code, m[1])
	}
}

// TestModules finds modules that are imported but not there, and markup that is made
// of strings, which could come from a model.
func TestModules(t *testing.T) {
	names, err := fs.Glob(files, "assets/*.js")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		code, err := files.ReadFile(name)
		require.NoError(t, err)
		assert.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`, string(code), name)
		for _, m := range regexp.MustCompile(`from '(\./[^']*)'`).FindAllStringSubmatch(string(code), -1) {
			_, err := fs.Stat(files, path.Join("assets", m[1]))
			assert.NoError(t, err, name)
		}
	}
}

// TestVendored holds what others wrote to the hashes that ORIGIN names.
func TestVendored(t *testing.T) {
	const folder = "assets/vendor/uplot/"
	origin, err := files.ReadFile(folder + "ORIGIN")
	require.NoError(t, err)
	sums := regexp.MustCompile(`([0-9a-f]{64})  (\S+)`).FindAllStringSubmatch(string(origin), -1)
	require.Len(t, sums, 2)
	for _, s := range sums {
		body, err := files.ReadFile(folder + s[2])
		require.NoError(t, err)
		sum := sha256.Sum256(body)
		assert.Equal(t, s[1], hex.EncodeToString(sum[:]), s[2])
	}
	licence, err := files.ReadFile(folder + "LICENSE")
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(licence), "The MIT License"))
}
