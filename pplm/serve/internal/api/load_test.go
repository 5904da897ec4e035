package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/pplm/serve/internal/engine"
	"github.com/tiller-ml/tiller/tensor"
)

// textsOf are a stream's texts by their choices, and the ids of its answers.
func textsOf(t testing.TB, body string, n int) (texts []string, ids map[string]bool) {
	texts, ids = make([]string, n), map[string]bool{}
	for _, c := range completions(t, body) {
		ids[c.ID] = true
		texts[c.Choices[0].Index] += c.Choices[0].Text
	}
	return texts, ids
}

// 32 clients at once, each with what it asks for itself, get what each gets alone.
func TestClients(t *testing.T) {
	s := newServer(t, nil)
	bodies := make([]string, 32)
	steers := []string{``, steered + `,`, `"steer":{"attributes":[{"bag":"land"}]},`, `"steer":{"attributes":[{"bag":"sea"}],"num_iterations":0},`}
	for i := range bodies {
		bodies[i] = fmt.Sprintf(`{"prompt":%q,%s"seed":%d,"max_tokens":%d,"temperature":%v,"stream":true}`,
			strings.Repeat("The sea ", 1+i%5), steers[i%4], i, 10+i, 1+float64(i)/40)
	}
	together := make([]string, len(bodies))
	for range 2 {
		var all sync.WaitGroup
		for i, body := range bodies {
			all.Go(func() {
				res, answer := s.ask(t, "/v1/completions", body)
				assert.Equal(t, http.StatusOK, res.StatusCode, answer)
				together[i] = answer
			})
		}
		all.Wait()
	}
	seen := map[string]bool{}
	for i, body := range bodies {
		_, answer := s.ask(t, "/v1/completions", body)
		want, _ := textsOf(t, answer, 1)
		got, ids := textsOf(t, together[i], 1)
		assert.Equal(t, want, got, "client %d", i)
		assert.Len(t, got[0], 10+i)
		require.Len(t, ids, 1)
		for id := range ids {
			assert.False(t, seen[id])
			seen[id] = true
		}
	}
}

// Beyond the queue clients are told when to come again, and served when they do.
func TestFull(t *testing.T) {
	s := newServer(t, func(a *API) {
		a.Limits = engine.Limits{Texts: 1, Queue: 1}
		a.Engine = engine.New(a.Model, a.Limits, nil, nil)
	})
	gate := make(chan struct{})
	s.lm.Before(func() { <-gate })
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			res, _ := s.ask(t, "/v1/completions", `{"prompt":"The sea"}`)
			assert.Equal(t, http.StatusOK, res.StatusCode)
		})
	}
	require.Eventually(t, func() bool { working, waiting := s.api.Engine.Load(); return working+waiting == 2 }, 10*time.Second, time.Millisecond)
	for _, stream := range []string{"false", "true"} {
		res, body := s.ask(t, "/v1/completions", `{"prompt":"The sea","stream":`+stream+`}`)
		assert.Equal(t, http.StatusTooManyRequests, res.StatusCode)
		assert.Regexp(t, "^[1-9][0-9]*$", res.Header.Get("Retry-After"))
		assert.Equal(t, rateLimit, problem(t, body).Type)
	}
	close(gate)
	all.Wait()
	res, _ := s.ask(t, "/v1/completions", `{"prompt":"The sea"}`)
	assert.Equal(t, http.StatusOK, res.StatusCode)
}

// open sends a request and reads its answer's first event.
func (s *server) open(t testing.TB, ctx context.Context, body string) *http.Response {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/v1/completions", strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	res, err := s.Client().Do(r)
	require.NoError(t, err)
	_, err = bufio.NewReader(res.Body).ReadString('\n')
	require.NoError(t, err)
	return res
}

// When a client leaves, the work for it ends within a token.
func TestVanish(t *testing.T) {
	s := newServer(t, nil)
	s.lm.Before(func() { time.Sleep(5 * time.Millisecond) })
	for _, stream := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		body := fmt.Sprintf(`{"prompt":"The sea","max_tokens":200,"stream":%v}`, stream)
		if stream {
			s.open(t, ctx, body)
		} else {
			go func() {
				r, _ := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/v1/completions", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				if res, err := s.Client().Do(r); err == nil {
					res.Body.Close()
				}
			}()
			require.Eventually(t, func() bool { working, _ := s.api.Engine.Load(); return working == 1 }, 10*time.Second, time.Millisecond)
		}
		before := s.lm.Passes.Load()
		cancel()
		s.idle(t)
		assert.Less(t, s.lm.Passes.Load()-before, int64(100))
	}
}

// A client that reads nothing is dropped, and holds nobody up until then.
func TestSlowReader(t *testing.T) {
	s := newServer(t, func(a *API) { a.patience = 300 * time.Millisecond })
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.(*net.TCPConn).SetReadBuffer(1<<10))
	words := strings.Repeat(`{"bag":"sea"},`, 15) + `{"bag":"sea"}`
	body := `{"prompt":"The sea","max_tokens":200,"n":8,"stream":true,"details":true,"steer":{"num_iterations":0,"attributes":[` + words + `]}}`
	request := fmt.Sprintf("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	for range 40 { // one after another, as a pipeline, so that buffers are full soon
		_, err = io.WriteString(c, request)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		s.idle(t)
		return strings.Contains(s.log.String(), "status=499")
	}, 60*time.Second, 10*time.Millisecond)
	res, _ := s.ask(t, "/v1/completions", `{"prompt":"The sea"}`)
	assert.Equal(t, http.StatusOK, res.StatusCode)
}

// A body that does not come is an error in time, and so is a head.
func TestSlowSender(t *testing.T) {
	s := newServer(t, func(a *API) { a.bodyTime, a.patience = 100*time.Millisecond, 50*time.Millisecond })
	for _, tt := range []struct{ sent, want string }{
		{"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 408"},
		{"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Ty", ""},
		{"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"pro\r\n", "HTTP/1.1 408"},
		{"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 415"},
		{"POST /v1/completions HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 403"},
		{"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n", "HTTP/1.1 200"},
	} {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		require.NoError(t, err)
		_, err = io.WriteString(c, tt.sent)
		require.NoError(t, err)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
		answer, err := io.ReadAll(c)
		require.NoError(t, err, "the connection ends")
		assert.True(t, strings.HasPrefix(string(answer), tt.want), "%s", answer)
		if tt.want == "HTTP/1.1 408" {
			_, body, _ := strings.Cut(string(answer), "\r\n\r\n")
			assert.Contains(t, problem(t, body).Message, "the body took more than 100ms to come")
		}
		c.Close()
	}
}

// The times that a body and a write may take do not end an answer that takes longer.
func TestLongAnswer(t *testing.T) {
	s := newServer(t, func(a *API) {
		a.bodyTime, a.patience, a.beat = 50*time.Millisecond, 50*time.Millisecond, 20*time.Millisecond
	})
	s.lm.Before(func() { time.Sleep(30 * time.Millisecond) })
	for _, stream := range []string{"false", "true"} {
		for range 2 { // on one connection
			res, body := s.ask(t, "/v1/completions", `{"prompt":"The sea","max_tokens":5,"stream":`+stream+`}`)
			assert.Equal(t, http.StatusOK, res.StatusCode)
			assert.Contains(t, body, `"finish_reason":"length"`)
			assert.Equal(t, stream == "true", strings.Contains(body, ": waiting\n\n"))
		}
	}
}

// An error that comes when the answer's first time is over still arrives.
func TestLateError(t *testing.T) {
	s := newServer(t, func(a *API) { a.bodyTime, a.patience = 20*time.Millisecond, 50*time.Millisecond })
	s.lm.Before(func() {
		time.Sleep(100 * time.Millisecond)
		tensor.Panicf("test", nil, "the device is gone")
	})
	res, body := s.ask(t, "/v1/completions", `{"prompt":"The sea"}`)
	assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
	assert.Equal(t, serverError, problem(t, body).Type)
}

// A mistake of the program ends the texts that run into it, and the log says where.
func TestPanic(t *testing.T) {
	s := newServer(t, nil)
	s.lm.Before(func() { panic("no such thing") })
	for _, stream := range []string{"false", "true"} {
		res, body := s.ask(t, "/v1/completions", `{"prompt":"The sea","stream":`+stream+`}`)
		assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
		assert.Equal(t, "a mistake of the program: no such thing", problem(t, body).Message)
	}
	assert.Contains(t, s.log.String(), "TestPanic")
	s.lm.Before(nil)
	res, _ := s.ask(t, "/v1/completions", `{"prompt":"The sea"}`)
	assert.Equal(t, http.StatusOK, res.StatusCode)
}

// An error after the answer has begun is its last event; a server that ends tells
// those who wait, and refuses others.
func TestEnding(t *testing.T) {
	s := newServer(t, nil)
	s.lm.Before(func() { time.Sleep(2 * time.Millisecond) })
	res := s.open(t, t.Context(), `{"prompt":"The sea","max_tokens":200,"stream":true}`)
	defer res.Body.Close()
	s.api.Engine.Close()
	refusal, body := s.ask(t, "/v1/completions", `{"prompt":"The sea"}`)
	assert.Equal(t, http.StatusServiceUnavailable, refusal.StatusCode)
	assert.Equal(t, serverError, problem(t, body).Type)
	assert.NotEmpty(t, refusal.Header.Get("Retry-After"))
	s.stop()
	data := eventsOf(t, res.Body)
	var f Failure
	require.NoError(t, json.Unmarshal([]byte(data[len(data)-1]), &f))
	assert.Equal(t, "shutting_down", *f.Error.Code)
}
