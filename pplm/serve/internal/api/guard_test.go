package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Requests come from the server's own page, from no page, or not at all.
func TestPages(t *testing.T) {
	s := newServer(t, nil)
	own := strings.TrimPrefix(s.URL, "http://")
	_, port, _ := strings.Cut(own, ":")
	for _, tt := range []struct {
		header []string
		status int
	}{
		{nil, 200},
		{[]string{"Origin", s.URL, "Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Origin", "https://" + own}, 200},
		{[]string{"Sec-Fetch-Site", "none"}, 200},
		{[]string{"Host", "localhost:" + port, "Origin", "http://localhost:" + port}, 200},
		{[]string{"Host", "LOCALHOST.:9999"}, 200},
		{[]string{"Host", "localhost"}, 200},

		{[]string{"Origin", "https://evil.example"}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Origin", s.URL + ".evil.example"}, 403},
		{[]string{"Origin", "http://127.0.0.1:1"}, 403},
		{[]string{"Origin", "http://localhost:" + port}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 403},
		{[]string{"Host", "evil.example:" + port}, 403},
		{[]string{"Host", "evil.example:" + port, "Origin", "http://evil.example:" + port, "Sec-Fetch-Site", "same-origin"}, 403},
		{[]string{"Host", "127.0.0.1.evil.example"}, 403},
		{[]string{"Host", "localhost:80@evil.example"}, 403},
		{[]string{"Host", "10.0.0.1"}, 403},
		{[]string{"Host", "[::1]"}, 403},
	} {
		res, body := s.ask(t, "/v1/completions", `{"prompt":"a"}`, tt.header...)
		assert.Equal(t, tt.status, res.StatusCode, "%v", tt.header)
		if tt.status != 200 {
			problem(t, body)
		}
	}
	s.api.Page = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {})
	link := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	res, _ := s.do(t, "GET", "/", "", link...)
	assert.NotEqual(t, 403, res.StatusCode, "a link to the page")
	res, _ = s.do(t, "GET", "/", "", append(link[:4:4], "Sec-Fetch-Dest", "iframe")...)
	assert.Equal(t, 403, res.StatusCode)
	res, _ = s.do(t, "OPTIONS", "/v1/completions", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	assert.Equal(t, 403, res.StatusCode)
	assert.Empty(t, res.Header.Get("Access-Control-Allow-Origin"))
}

func TestHosts(t *testing.T) {
	any := Hosts{Names: []string{"localhost", "tiller.example"}, Addresses: true}
	for host, want := range map[string]bool{
		"10.1.2.3:8080": true, "10.1.2.3": true, "[fe80::1]:80": true, "[::1]": true, "tiller.example:443": true, "Tiller.Example": true,
		"": false, ":80": false, "evil.example": false, "tiller.example:x": false, "tiller.example.evil:80": false, "10.1.2.3.evil": false,
	} {
		assert.Equal(t, want, any.knows(host), host)
	}
}

// Each answer keeps browsers from running or framing anything.
func TestHeaders(t *testing.T) {
	s := newServer(t, nil)
	for _, path := range []string{"/", "/healthz", "/none", "/v1/models", "/metrics", "/openapi.json"} {
		res, _ := s.do(t, "GET", path, "")
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "no-referrer",
		} {
			assert.Equal(t, want, res.Header.Get(name), path)
		}
	}
}

// With a token, what makes or tells something asks for it.
func TestToken(t *testing.T) {
	s := newServer(t, func(a *API) { a.Token = "secret" })
	for _, path := range []string{"/v1/models", "/v1/models/gpt2", "/v1/attributes", "/v1/bags/sea", "/metrics"} {
		for header, want := range map[string]int{
			"": 401, "Bearer": 401, "Bearer secre": 401, "Bearer secrets": 401, "Basic secret": 401, "secret": 401,
			"Bearer secret": 200, "bearer secret": 200,
		} {
			res, body := s.do(t, "GET", path, "", "Authorization", header)
			assert.Equal(t, want, res.StatusCode, "%s %q", path, header)
			if want == 401 {
				assert.Equal(t, "Bearer", res.Header.Get("WWW-Authenticate"))
				assert.Equal(t, authentication, problem(t, body).Type)
				assert.NotContains(t, body, "secret"+`"`)
			}
		}
	}
	for _, path := range []string{"/v1/completions", "/v1/chat/completions"} {
		res, _ := s.ask(t, path, `{"prompt":"a"}`)
		assert.Equal(t, 401, res.StatusCode)
	}
	res, _ := s.ask(t, "/v1/completions", `{"prompt":"a"}`, "Authorization", "Bearer secret")
	assert.Equal(t, 200, res.StatusCode)
	for _, path := range []string{"/healthz", "/openapi.json"} {
		res, _ := s.do(t, "GET", path, "")
		assert.Equal(t, 200, res.StatusCode)
	}
}
