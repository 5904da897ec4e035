package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/pplm/serve/internal/page"
)

// Hosts are the names that a request may call the server by. With others a page of
// another site, whose name its owner lets point here, could read answers.
type Hosts struct {
	Names     []string // lower case, without ports
	Addresses bool     // any IP address too: nobody can let one point elsewhere
}

// knows tells whether a request's Host is one of these, with any port: it may come
// through a tunnel.
func (h Hosts) knows(host string) bool {
	name := host
	if n, port, err := net.SplitHostPort(host); err == nil {
		if strings.Trim(port, "0123456789") != "" {
			return false
		}
		name = n
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if slices.Contains(h.Names, name) {
		return true
	}
	_, err := netip.ParseAddr(name)
	return h.Addresses && err == nil
}

// guard tells whether a request may be answered at all.
func (a *API) guard(r *http.Request) error {
	if !a.Hosts.knows(r.Host) {
		return refused(http.StatusForbidden, "host", "the server is not called %.100q: name it with -host", r.Host)
	}
	if r.URL.Path == "" || path.Clean(r.URL.Path) != strings.TrimSuffix(r.URL.Path, "/") && r.URL.Path != "/" {
		return notFound(r)
	}
	origin := r.Header.Get("Origin")
	if origin != "" && origin != "http://"+r.Host && origin != "https://"+r.Host {
		return refused(http.StatusForbidden, "origin", "a page of %.100q cannot ask: open the server's own", origin)
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return nil
	}
	if r.Method == http.MethodGet && r.URL.Path == "/" && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" {
		return nil // a link to the page
	}
	return refused(http.StatusForbidden, "cross_site", "a page of another site cannot ask: open the server's own")
}

// private asks for the token before h, where there is one.
func (a *API) private(h http.HandlerFunc) http.HandlerFunc {
	if a.Token == "" {
		return h
	}
	want := sha256.Sum256([]byte(a.Token))
	return func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(token)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			fail(w, &fault{
				status: http.StatusUnauthorized, kind: authentication, code: "invalid_api_key",
				message: "want the header Authorization: Bearer, with the server's token",
			})
			return
		}
		h(w, r)
	}
}

// protect sets what tells browsers to keep others out.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", page.Policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}
