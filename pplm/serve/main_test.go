package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/internal/command"
)

// start runs the command until the function ends it, which returns its error.
func start(t testing.TB, args ...string) (url string, stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	in, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), nil, out, io.Discard)
		out.CloseWithError(io.EOF)
		ended <- err
	}()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { stop() })
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		require.NoError(t, <-ended)
	}
	_, url, ok := strings.Cut(strings.TrimSpace(line), " is at ")
	require.True(t, ok, line)
	go io.Copy(io.Discard, in)
	return strings.TrimSuffix(url, "/"), stop
}

// post asks for a completion.
func post(t testing.TB, url, body string) *http.Response {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/completions", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	return res
}

// text is the first text of a whole answer.
func text(t testing.TB, res *http.Response) string {
	defer res.Body.Close()
	var c struct {
		Choices []struct {
			Text string `json:"text"`
		} `json:"choices"`
	}
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NoError(t, json.NewDecoder(res.Body).Decode(&c))
	require.NotEmpty(t, c.Choices)
	return c.Choices[0].Text
}

// The embedded model answers, steered by what is built in and by a file that the
// command line names, the same each time.
func TestServe(t *testing.T) {
	url, stop := start(t, "-B", "testdata/weather.txt")
	plain := text(t, post(t, url, `{"prompt":"The captain","max_tokens":12,"seed":1}`))
	assert.NotEmpty(t, plain)
	texts := map[string]bool{plain: true}
	for _, attribute := range []string{`{"bag":"space"}`, `{"bag":"weather"}`, `{"discriminator":"topics","class":"science"}`, `{"words":["ship"],"weight":-3}`} {
		body := `{"prompt":"The captain","max_tokens":12,"seed":1,"steer":{"stepsize":0.5,"attributes":[` + attribute + `]}}`
		first := text(t, post(t, url, body))
		assert.Equal(t, first, text(t, post(t, url, body)))
		texts[first] = true
	}
	assert.Len(t, texts, 5, "all differ")
	for path, want := range map[string]string{"/": "text/html", "/openapi.json": "application/json", "/metrics": "text/plain"} {
		res, err := http.Get(url + path)
		require.NoError(t, err)
		res.Body.Close()
		assert.Equal(t, http.StatusOK, res.StatusCode, path)
		assert.True(t, strings.HasPrefix(res.Header.Get("Content-Type"), want), path)
	}
	require.NoError(t, stop())
}

// A signal lets what is being written end, takes nothing new, and then the command
// ends.
func TestShutdown(t *testing.T) {
	url, stop := start(t)
	res := post(t, url, `{"prompt":"The captain","max_tokens":60,"seed":1,"stream":true}`)
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	_, err := lines.ReadString('\n')
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(string(rest), "data: [DONE]\n\n"), "it is whole")
	select {
	case err := <-ended:
		assert.NoError(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("the command does not end")
	}
	_, err = http.Get(url + "/healthz")
	assert.Error(t, err)
}

func TestFlagErrors(t *testing.T) {
	t.Setenv(tokenName, "")
	for _, tt := range []struct {
		args  string
		usage bool
		want  string
	}{
		{"-addr :8080", true, "-addr :8080 can be reached from other machines: set a -token, or TILLER_TOKEN"},
		{"-addr 0.0.0.0:8080", true, "can be reached from other machines"},
		{"-addr 192.0.2.1:8080", true, "can be reached from other machines"},
		{"-addr tiller.example:8080", true, "can be reached from other machines"},
		{"-addr [::]:8080", true, "can be reached from other machines"},
		{"-addr localhost", true, "-addr: address localhost: missing port in address"},
		{"-token a\u00e9", true, "-token has a character that is no printable ASCII"},
		{"-max_concurrent 0", true, "-max_concurrent 0 and -queue 64: want at least 1 and 0"},
		{"-queue -1", true, "-max_concurrent 16 and -queue -1"},
		{"-max_tokens 0", true, "-max_tokens is 0: want 1 or more"},
		{"-preset best", true, `-preset: no settings named "best"`},
		{"-host a;;b", true, `-host: the list "a;;b" has an empty name`},
		{"-adr x", true, "no flag -adr; did you mean -addr?"},
		{"-B nothing.txt", false, `-B: no bag of words "nothing.txt"`},
		{"-B space", false, `two bags of words are called "space"`},
		{"-D nothing", false, "-D: reading a head: there is no nothing.safetensors"},
		{"-D topics", false, `two discriminators are called "topics"`},
		{"-model nothing", false, "opening the language model: nothing has no config.json"},
		{"-backend abacus", false, `unknown backend "abacus"`},
		{"-addr 127.0.0.1:99999", false, "listening: "},
	} {
		var out bytes.Buffer
		err := run(t.Context(), strings.Fields(tt.args), nil, &out, io.Discard)
		require.ErrorContains(t, err, tt.want, tt.args)
		assert.NotContains(t, err.Error(), "\n")
		assert.Empty(t, out.String())
		assert.Equal(t, tt.usage, fmt.Sprintf("%T", err) == fmt.Sprintf("%T", command.Usagef("")), tt.args)
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		addr, hosts string
		want        []string
		any         bool
	}{
		{"127.0.0.1:80", "", []string{"127.0.0.1", "::1", "localhost"}, false},
		{"localhost:80", "Tiller.Example.; [2001:DB8::1]", []string{"127.0.0.1", "2001:db8::1", "::1", "localhost", "tiller.example"}, false},
		{"192.0.2.1:80", "", []string{"127.0.0.1", "192.0.2.1", "::1", "localhost"}, false},
		{":80", "tiller.example", []string{"127.0.0.1", "::1", "localhost", "tiller.example"}, true},
		{"[::]:80", "", []string{"127.0.0.1", "::1", "localhost"}, true},
	} {
		h, err := (&settings{addr: tt.addr, hosts: tt.hosts}).names()
		require.NoError(t, err)
		assert.Equal(t, tt.want, h.Names)
		assert.Equal(t, tt.any, h.Addresses)
	}
}

func TestHelp(t *testing.T) {
	t.Setenv(tokenName, "hush")
	var out bytes.Buffer
	require.ErrorContains(t, run(t.Context(), []string{"-h"}, nil, &out, io.Discard), "help")
	for _, want := range []string{"go run ./pplm/serve\n", "-max_concurrent texts", "-token secret", "-addr host:port"} {
		assert.Contains(t, out.String(), want)
	}
	assert.NotContains(t, out.String(), "hush")
	s, err := parse(nil, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, "hush", s.token)
}
