// Package page is the page that the server shows: a text editor, what to steer
// by, and texts side by side.
//
// Its files are part of the program: index.html, and assets, ES modules and style
// sheets as they were written, which browsers load without a build. What others
// wrote stands in assets/vendor, with its licence and a note of where it is from.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed index.html assets
var files embed.FS

// Policy lets the page load what its server has, and run or show nothing that
// stands in the page itself.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// types are what files are served as. The machine's own table may differ.
var types = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	"":      "text/plain; charset=utf-8", // licences
}

// file is a file as it is sent.
type file struct {
	body []byte
	kind string
	tag  string // its hash, for browsers that have it already
}

// Handler serves the page at / and its files below /assets/. Browsers ask each
// time whether a file has changed, so that a new program never runs with old files.
func Handler() http.Handler {
	served := map[string]file{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		kind, ok := types[path.Ext(name)]
		if !ok {
			return fmt.Errorf("%s is of no type that is known", name)
		}
		sum := sha256.Sum256(body)
		served["/"+name] = file{body, kind, `"` + hex.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	if err != nil {
		panic(err) // the files are part of the program
	}
	served["/"] = served["/index.html"]
	delete(served, "/index.html")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(w, r, served) })
}

func serve(w http.ResponseWriter, r *http.Request, served map[string]file) {
	h := w.Header()
	h.Set("Content-Security-Policy", Policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "the page can only be read", http.StatusMethodNotAllowed)
		return
	}
	f, ok := served[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}
