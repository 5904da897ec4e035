package corpus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// archive is a corpus on the net.
type archive struct {
	name   string
	url    string
	size   int64
	sha256 string
}

// archives are the corpora that Fetch knows. What comes without TLS is checked by
// its hash like the rest. WikiText's are from its author.
func archives() []archive {
	return []archive{
		{"enwik8", "http://mattmahoney.net/dc/enwik8.zip", 36445475, "547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc"},
		{"text8", "http://mattmahoney.net/dc/text8.zip", 31344016, "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232"},
		{"wikitext-2", "https://wikitext.smerity.com/wikitext-2-v1.zip", 4475746, "92675f1d63015c1c8b51f1656a52d5bdbc33aafa60cc47a218a66e7ee817488c"},
		{"wikitext-2-raw", "https://wikitext.smerity.com/wikitext-2-raw-v1.zip", 4721645, "ef7edb566e3e2b2d31b29c1fdb0c89a4cc683597484c3dc2517919c615435a11"},
		{"wikitext-103", "https://wikitext.smerity.com/wikitext-103-v1.zip", 190229076, "242ba0f20b329cfdf1ccc61e9e9e5b59becf189db7f7a81cd2a0e2fc31539590"},
		{"wikitext-103-raw", "https://wikitext.smerity.com/wikitext-103-raw-v1.zip", 191984949, "91c00ae287f0d699e18605c84afc9e45c192bc6b7797ff8837e5474655a33794"},
	}
}

// Corpora are the names that [Fetch] knows.
func Corpora() []string {
	var names []string
	for _, a := range archives() {
		names = append(names, a.name)
	}
	return names
}

// Fetch is the path of a corpus's archive, which [Open] reads: it is downloaded
// to the folder corpora in the cache folder (see [CacheDir]) if it is not there.
// A download that was cut short goes on where it stopped. What is there is
// checked by its size and its SHA-256 each time. An error says what to put where by
// hand.
func Fetch(ctx context.Context, name string, tell Progress) (string, error) {
	for _, a := range archives() {
		if a.name != name {
			continue
		}
		root, err := CacheDir()
		if err != nil {
			return "", err
		}
		f := fetcher{a, filepath.Join(root, "corpora"), client(), tell}
		if err := f.fetch(ctx); err != nil {
			return "", fmt.Errorf("fetching %s: %w", name, err)
		}
		return f.path(), nil
	}
	return "", fmt.Errorf("no corpus is known as %q: want one of %s", name, strings.Join(Corpora(), ", "))
}

// client waits for a server's answer, but not for ever.
func client() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = time.Minute
	return &http.Client{Transport: t}
}

// fetcher downloads an archive to a folder.
type fetcher struct {
	archive
	dir    string
	client *http.Client
	tell   Progress
}

func (f fetcher) path() string    { return filepath.Join(f.dir, path.Base(f.url)) }
func (f fetcher) partial() string { return f.path() + ".part" }

// errUnsound is a file that is not the one that was asked for.
var errUnsound = errors.New("it is another file")

func (f fetcher) fetch(ctx context.Context) error {
	err := f.check(ctx, f.path())
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(f.dir, 0o777); err != nil {
		return err
	}
	if err := f.download(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%w; by hand: put %s, of %d bytes and SHA-256 %s, at %s", err, f.url, f.size, f.sha256, f.path())
	}
	return os.Rename(f.partial(), f.path())
}

// check compares a file's size and hash with those that are known.
func (f fetcher) check(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != f.size {
		return fmt.Errorf("%s: %w: it has %d bytes, and %s %d; remove it to download it anew", path, errUnsound, info.Size(), f.name, f.size)
	}
	h := sha256.New()
	if _, err := io.Copy(&meter{ctx: ctx, w: h, tell: f.tell, what: "checking", total: f.size}, reader{file}); err != nil {
		return err
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != f.sha256 {
		return fmt.Errorf("%s: %w: its SHA-256 is %s, and that of %s %s; remove it to download it anew", path, errUnsound, sum, f.name, f.sha256)
	}
	return nil
}

// download makes the partial file whole and sound, or removes it where it is
// not the one that was asked for.
func (f fetcher) download(ctx context.Context) error {
	out, err := os.OpenFile(f.partial(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	err = f.goOn(ctx, out)
	if err == nil {
		err = out.Sync()
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	err = f.check(ctx, f.partial())
	if errors.Is(err, errUnsound) {
		err = errors.Join(err, os.Remove(f.partial()))
	}
	return err
}

// goOn appends to out what it lacks. A server that cannot send a part of the file
// sends all of it.
func (f fetcher) goOn(ctx context.Context, out *os.File) error {
	info, err := out.Stat()
	if err != nil {
		return err
	}
	have := info.Size()
	if have >= f.size { // whole, or of no use: the check tells
		return nil
	}
	r, err := f.ask(ctx, have)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if r.StatusCode == http.StatusOK {
		have = 0
		err = out.Truncate(0)
	}
	if err != nil {
		return err
	}
	m := &meter{ctx: ctx, w: out, tell: f.tell, what: "downloading " + f.name, done: have, total: f.size}
	// A byte more than there should be is enough to know that it is another file.
	n, err := io.Copy(m, io.LimitReader(r.Body, f.size-have+1))
	if err != nil {
		return fmt.Errorf("downloading %s: %w", f.url, err)
	}
	if have+n < f.size {
		return fmt.Errorf("downloading %s: it ended after %d of %d bytes; run the same again to go on", f.url, have+n, f.size)
	}
	return nil
}

// ask requests the file from an offset on.
func (f fetcher) ask(ctx context.Context, from int64) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return nil, err
	}
	if from > 0 {
		q.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	r, err := f.client.Do(q)
	if err != nil {
		return nil, err
	}
	begins := fmt.Sprintf("bytes %d-", from)
	switch {
	case r.StatusCode == http.StatusOK:
		from = 0
	case r.StatusCode == http.StatusPartialContent && from > 0 && strings.HasPrefix(r.Header.Get("Content-Range"), begins):
	default:
		r.Body.Close()
		return nil, fmt.Errorf("%s: the server says %s", f.url, r.Status)
	}
	// What a login page or an error page has is not to lie in the partial file.
	if r.ContentLength >= 0 && from+r.ContentLength != f.size {
		r.Body.Close()
		return nil, fmt.Errorf("%s: the server has a file of %d bytes, and %s has %d", f.url, from+r.ContentLength, f.name, f.size)
	}
	return r, nil
}
