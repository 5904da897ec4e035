package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/serve/internal/engine"
	"github.com/tiller-ml/tiller/pplm/serve/internal/servetest"
)

// server is a server of the tiny model.
type server struct {
	*httptest.Server
	api  *API
	lm   *servetest.Model
	log  *lines
	stop func() // ends the engine
	end  func() // of the server and its engine, which is checked to leave nothing behind
}

// lines are a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newServer starts one; change may change it before.
func newServer(t testing.TB, change func(*API)) *server {
	goroutines := runtime.NumGoroutine()
	lm, m := servetest.New(t)
	live := lm.Backend.LiveBytes()
	h, err := head.New([]string{"good", "bad"}, 16, 5)
	require.NoError(t, err)
	c, err := NewCatalogue(m, []Bag{{"sea", []string{"ship", "sea", "s"}}, {"land", []string{"hill", "e"}}}, []Head{{"mood", h}})
	require.NoError(t, err)
	preset, err := pplm.FindPreset("books")
	require.NoError(t, err)
	s := &server{lm: lm, log: &lines{}}
	limits := engine.Limits{Texts: 8, Queue: 40}
	metrics := NewMetrics()
	e := engine.New(m, limits, c.Own(), metrics.Round)
	metrics.Watch(e)
	s.api = New(Config{
		Model: m, Engine: e, Limits: limits, Catalogue: c, Metrics: metrics, Preset: preset, MaxTokens: 200,
		Page: http.NotFoundHandler(), Hosts: Hosts{Names: []string{"127.0.0.1", "localhost"}},
		Log: slog.New(slog.NewTextHandler(s.log, nil)),
	})
	if change != nil {
		change(s.api)
		s.api = again(s.api)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.api.Engine.Run(ctx)
	}()
	s.Server = httptest.NewUnstartedServer(s.api)
	s.Server.Config.ReadHeaderTimeout = time.Second
	s.Server.Start()
	s.stop = func() {
		cancel()
		<-ended
	}
	done := false
	s.end = func() {
		if done {
			return
		}
		done = true
		s.Server.Client().CloseIdleConnections()
		s.stop()
		s.Server.Close()
		assert.Equal(t, live, lm.Backend.LiveBytes(), "tensors left behind")
		assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+2 }, 10*time.Second, 5*time.Millisecond, "goroutines left behind")
	}
	t.Cleanup(s.end)
	return s
}

// again is an API with what was changed in its configuration and times.
func again(a *API) *API {
	b := New(a.Config)
	b.bodyTime, b.beat, b.patience = a.bodyTime, a.beat, a.patience
	return b
}

// idle waits until no text is at work and none waits.
func (s *server) idle(t testing.TB) {
	require.Eventually(t, func() bool {
		working, waiting := s.api.Engine.Load()
		return working+waiting == 0
	}, 10*time.Second, time.Millisecond)
}

// ask posts JSON; header are names and values by turns.
func (s *server) ask(t testing.TB, path, body string, header ...string) (*http.Response, string) {
	return s.do(t, http.MethodPost, path, body, append([]string{"Content-Type", "application/json"}, header...)...)
}

func (s *server) do(t testing.TB, method, path, body string, header ...string) (*http.Response, string) {
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	client := *s.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := client.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(out)
}

// problem is the error in an answer.
func problem(t testing.TB, body string) Problem {
	var f Failure
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&f), "%s", body)
	require.NotEmpty(t, f.Error.Message)
	require.NotEmpty(t, f.Error.Type)
	return f.Error
}

// eventsOf are the data of server-sent events.
func eventsOf(t testing.TB, body io.Reader) (out []string) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			out = append(out, data)
		} else if lines.Text() != "" {
			assert.True(t, strings.HasPrefix(lines.Text(), ":"), lines.Text())
		}
	}
	return out
}

// completions are the events of a stream, the last of which is [DONE].
func completions(t testing.TB, body string) (out []Completion) {
	data := eventsOf(t, strings.NewReader(body))
	require.Equal(t, "[DONE]", data[len(data)-1])
	for _, d := range data[:len(data)-1] {
		var c Completion
		require.NoError(t, json.Unmarshal([]byte(d), &c))
		out = append(out, c)
	}
	return out
}

const steered = `"steer":{"attributes":[{"bag":"sea","weight":1.5},{"words":["ab","c"],"name":"mine","weight":-0.5},{"bag":"land","weight":0},{"discriminator":"mood","class":"bad"}],"stepsize":0.1,"details":true}`

func TestCompletion(t *testing.T) {
	s := newServer(t, nil)
	res, body := s.ask(t, "/v1/completions", `{"model":"gpt-x","prompt":"The sea","max_tokens":9,"n":2,"seed":3,"user":"me",`+steered+`}`)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	assert.Equal(t, "application/json", res.Header.Get("Content-Type"))
	assert.NotEmpty(t, res.Header.Get("X-Request-Id"))
	var whole Completion
	require.NoError(t, json.Unmarshal([]byte(body), &whole))
	assert.Equal(t, "text_completion", whole.Object)
	assert.Equal(t, "gpt2", whole.Model)
	assert.Equal(t, &Usage{7, 18, 25}, whole.Usage)
	require.Len(t, whole.Choices, 2)
	assert.NotEqual(t, whole.Choices[0].Text, whole.Choices[1].Text)
	for i, c := range whole.Choices {
		assert.Equal(t, i, c.Index)
		assert.Equal(t, "length", *c.FinishReason)
		require.Len(t, c.Tiller.Tokens, 9)
		joined := ""
		for _, x := range c.Tiller.Tokens {
			joined += x.Text
			assert.Len(t, x.Attributes, 3)
			for _, p := range append(x.Attributes, x.P, x.Plain, x.Steered) {
				assert.True(t, p >= 0 && p <= 1, "%v", p)
			}
			so := "The sea" + joined
			ends := strings.HasSuffix(so, " s") || strings.HasSuffix(so, " sea") || strings.HasSuffix(so, " ship")
			assert.Equal(t, ends, slices.Contains(x.Bag, "sea"), "%q", so)
		}
		assert.Equal(t, c.Text, joined)
	}

	_, body = s.ask(t, "/v1/completions", `{"prompt":["The sea"],"max_tokens":9,"n":2,"seed":3,"stream":true,"stream_options":{"include_usage":true},`+steered+`}`)
	parts := completions(t, body)
	texts, tokens := make([]string, 2), make([][]Token, 2)
	for i, p := range parts {
		assert.Equal(t, parts[0].ID, p.ID)
		if i == len(parts)-1 {
			assert.Empty(t, p.Choices)
			assert.Equal(t, whole.Usage, p.Usage)
			break
		}
		assert.Nil(t, p.Usage)
		require.Len(t, p.Choices, 1)
		c := p.Choices[0]
		texts[c.Index] += c.Text
		tokens[c.Index] = append(tokens[c.Index], c.Tiller.Tokens...)
	}
	for i, c := range whole.Choices {
		assert.Equal(t, c.Text, texts[i])
		assert.Equal(t, c.Tiller.Tokens, tokens[i])
	}
}

func TestChat(t *testing.T) {
	s := newServer(t, nil)
	ask := func(more string) string {
		res, body := s.ask(t, "/v1/chat/completions", `{"messages":[{"role":"system","content":"The sea"}`+more)
		require.Equal(t, http.StatusOK, res.StatusCode, body)
		return body
	}
	var whole, other Chat
	body := ask(`,{"role":"user","content":null},{"role":"user","content":[{"type":"text","text":"and"},{"type":"text","text":" all"}]}],"max_completion_tokens":9,"seed":3}`)
	require.NoError(t, json.Unmarshal([]byte(body), &whole))
	assert.Equal(t, "chat.completion", whole.Object)
	require.Len(t, whole.Choices, 1)
	assert.Equal(t, "assistant", whole.Choices[0].Message.Role)
	assert.Len(t, whole.Choices[0].Message.Content, 9)
	assert.Nil(t, whole.Choices[0].Tiller)

	require.NoError(t, json.Unmarshal([]byte(ask(`],"seed":3}`)), &other))
	assert.Equal(t, defaultChatTokens, other.Usage.CompletionTokens)

	body = ask(`],"max_tokens":9,"seed":3,"stream":true}`)
	text, roles := "", 0
	data := eventsOf(t, strings.NewReader(body))
	for _, d := range data[:len(data)-1] {
		var c Chat
		require.NoError(t, json.Unmarshal([]byte(d), &c))
		assert.Equal(t, "chat.completion.chunk", c.Object)
		text += c.Choices[0].Delta.Content
		if c.Choices[0].Delta.Role != "" {
			roles++
		}
	}
	assert.Equal(t, other.Choices[0].Message.Content[:9], text)
	assert.Equal(t, 1, roles)
	assert.Equal(t, "[DONE]", data[len(data)-1])
}

// Stop strings, no drawing, and lengths that nobody asked for.
func TestSampling(t *testing.T) {
	s := newServer(t, nil)
	get := func(more string) CompletionChoice {
		res, body := s.ask(t, "/v1/completions", `{"prompt":"The sea",`+more+`}`)
		require.Equal(t, http.StatusOK, res.StatusCode, body)
		var c Completion
		require.NoError(t, json.Unmarshal([]byte(body), &c))
		return c.Choices[0]
	}
	text := get(`"seed":1`).Text
	assert.Len(t, text, defaultTokens)
	assert.Equal(t, text, get(`"seed":1,"top_p":1,"top_k":10,"temperature":1,"n":1,"frequency_penalty":0,"logit_bias":null,"logprobs":null,"best_of":1`).Text)
	assert.NotEqual(t, text, get(`"seed":2`).Text)
	assert.NotEqual(t, text, get(`"seed":1,"top_p":0.1`).Text)
	cut := get(fmt.Sprintf(`"seed":1,"stop":[%q,"0"]`, text[5:8]))
	assert.Equal(t, text[:strings.Index(text, text[5:8])], cut.Text)
	assert.Equal(t, "stop", *cut.FinishReason)
	likeliest := get(`"temperature":0`).Text
	assert.Equal(t, likeliest, get(`"temperature":0,"seed":9`).Text)
	assert.Equal(t, likeliest, get(`"top_k":1,"seed":9`).Text)
	assert.Equal(t, likeliest, get(`"top_p":1e-9,"seed":9`).Text)
	assert.Equal(t, likeliest, get(`"top_p":0,"seed":9`).Text)
	long := strings.Repeat("a", servetest.Positions-4)
	res, body := s.ask(t, "/v1/completions", `{"prompt":"`+long+`"}`)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	assert.Contains(t, body, `"completion_tokens":5,`, "what there is room for")
}

func TestLists(t *testing.T) {
	s := newServer(t, nil)
	for path, want := range map[string]string{
		"/healthz":        `{"status":"ok"}`,
		"/v1/models/gpt2": fmt.Sprintf(`{"id":"gpt2","object":"model","created":%d,"owned_by":"tiller"}`, s.api.started.Unix()),
		"/v1/models":      fmt.Sprintf(`{"object":"list","data":[{"id":"gpt2","object":"model","created":%d,"owned_by":"tiller"}]}`, s.api.started.Unix()),
		"/v1/bags/sea":    `{"name":"sea","words":["ship","sea","s"]}`,
	} {
		res, body := s.do(t, http.MethodGet, path, "")
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.JSONEq(t, want, body)
	}
	_, body := s.do(t, http.MethodGet, "/v1/attributes", "")
	var a Attributes
	require.NoError(t, json.Unmarshal([]byte(body), &a))
	assert.Equal(t, []BagInfo{{"sea", 3, []string{"ship", "sea", "s"}}, {"land", 2, []string{"hill", "e"}}}, a.Bags)
	assert.Equal(t, []DiscriminatorInfo{{"mood", []string{"good", "bad"}}}, a.Discriminators)
	assert.Equal(t, "books", a.DefaultPreset)
	assert.Equal(t, servetest.Positions, a.Positions)
	assert.Equal(t, 200, a.MaxTokens)
	assert.Len(t, a.Presets, len(pplm.Presets()))
}

func TestMetrics(t *testing.T) {
	s := newServer(t, nil)
	s.ask(t, "/v1/completions", `{"prompt":"The sea","max_tokens":9,"n":2,`+steered+`}`)
	s.ask(t, "/v1/completions", `{`)
	_, body := s.do(t, http.MethodGet, "/metrics", "")
	for _, line := range []string{
		`tiller_requests_total{code="200",route="/v1/completions"} 1`,
		`tiller_requests_total{code="400",route="/v1/completions"} 1`,
		`tiller_tokens_total{steered="true"} 18`,
		`tiller_batch_texts_count{steered="true"} 9`,
		`tiller_batch_texts_sum{steered="true"} 18`,
		`tiller_token_seconds_count{steered="true"} 9`,
		`tiller_first_token_seconds_count 1`,
		`tiller_texts_at_work 0`,
		`tiller_texts_waiting 0`,
	} {
		assert.Contains(t, body, line+"\n")
	}
}

// The log has no part of a prompt or a text.
func TestLog(t *testing.T) {
	s := newServer(t, nil)
	s.ask(t, "/v1/completions", `{"prompt":"sesame","max_tokens":9,"stop":"sesame"}`)
	s.ask(t, "/v1/completions", `{"prompt":"sesame","max_tokens":9,"stop":"sesame`)
	s.do(t, http.MethodGet, "/sesame?sesame", "")
	s.end()
	log := s.log.String()
	assert.Equal(t, 3, strings.Count(log, "msg=answered"))
	assert.Contains(t, log, "status=200 tokens=9 ms=")
	assert.NotContains(t, log, "sesame")
}
