package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever the body, the answer is a completion, events, or what is wrong with it as
// JSON; never a fault of the server, and nothing is left at work.
func FuzzCompletion(f *testing.F) {
	for _, seed := range []string{
		`{"prompt":"The sea","max_tokens":2}`,
		`{"prompt":["The sea"],"n":2,"seed":-1,"stream":true,"stream_options":{"include_usage":true},` + steered + `}`,
		`{"messages":[{"role":"user","content":[{"type":"text","text":"The sea"}]}],"max_completion_tokens":2,"temperature":0,"stop":["a","b"]}`,
		`{"prompt":"a","top_p":0.5,"top_k":3,"repetition_penalty":1.2,"steer":{"preset":"paper-bow","attributes":[{"discriminator":"mood","weight":-2}],"stepsize":100,"gamma":0,"kl_scale":100}}`,
		`{"prompt":"a","steer":{"attributes":[{"words":["s"," s","",""],"name":"x"},null]},"logit_bias":{},"echo":false}`,
		`{"prompt":"a","prompt":"b"}`, `[[[`, "{\"prompt\":\"\xff\"}", `{"prompt":"\ud800","max_tokens":1e999}`, `null`, ``,
	} {
		f.Add(seed)
	}
	s := newServer(f, func(a *API) { a.MaxTokens = 3 })
	f.Fuzz(func(t *testing.T, body string) {
		for _, path := range []string{"/v1/completions", "/v1/chat/completions"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Host = "localhost"
			w := httptest.NewRecorder()
			s.api.ServeHTTP(w, r)
			switch kind := w.Header().Get("Content-Type"); {
			case w.Code == http.StatusOK && kind == "text/event-stream":
				data := eventsOf(t, w.Body)
				require.NotEmpty(t, data)
				for _, d := range data[:len(data)-1] {
					assert.True(t, json.Valid([]byte(d)))
				}
				if last := data[len(data)-1]; last != "[DONE]" {
					assert.Equal(t, invalidRequest, problem(t, last).Type)
				}
			case w.Code == http.StatusOK:
				assert.True(t, json.Valid(w.Body.Bytes()))
			default:
				assert.True(t, w.Code == http.StatusBadRequest || w.Code == http.StatusRequestEntityTooLarge, "%d %s", w.Code, w.Body)
				assert.Equal(t, invalidRequest, problem(t, w.Body.String()).Type)
			}
			working, waiting := s.api.Engine.Load()
			assert.Zero(t, working+waiting)
		}
	})
}
