package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each bad request is told what is wrong with it, and nothing is left of it.
func TestBadInput(t *testing.T) {
	s := newServer(t, nil)
	ok := func(more string) string { return `{"prompt":"The sea",` + more + `}` }
	steer := func(more string) string { return ok(`"steer":{` + more + `}`) }
	attribute := func(a string) string { return steer(`"attributes":[{"bag":"sea"},` + a + `]`) }
	long := strings.Repeat("a", 300)
	many := strings.Repeat(`"a",`, 1000) + `"a"`
	for _, tt := range []struct {
		body   string
		status int
		param  string
		want   string
	}{
		{``, 400, "", "the body is not JSON: unexpected EOF"},
		{` `, 400, "", "the body is not JSON: unexpected EOF"},
		{`{`, 400, "", "the body is not JSON: unexpected EOF"},
		{`{"prompt":"a`, 400, "", "the body is not JSON: unexpected EOF"},
		{`{"prompt":"a",}`, 400, "", "the body is not JSON: invalid character"},
		{`{'prompt':"a"}`, 400, "", "the body is not JSON: invalid character '\\''"},
		{`{"prompt":"a"} {}`, 400, "", "something comes after its end"},
		{`{"prompt":"a"}]`, 400, "", "something comes after its end"},
		{`[]`, 400, "", "want an object"},
		{`null`, 400, "", "want an object"},
		{`"a"`, 400, "", "want an object"},
		{"{\"prompt\":\"\xff\"}", 400, "", "it is not UTF-8"},
		{"{\"\xc0\x80\":1}", 400, "", "it is not UTF-8"},
		{`{"prompt":"a` + "\n" + `"}`, 400, "", "invalid character '\\n' in string literal"},
		{`{"prompt":"a","prompt":"b"}`, 400, "prompt", `the field "prompt" comes twice`},
		{ok(`"` + long + `":1,"` + long + `":1`), 400, long[:80], "comes twice"},
		{steer(`"gamma":1,"gamma":2`), 400, "gamma", `the field "gamma" comes twice`},
		{ok(`"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100)), 400, "", "more than 32 objects and lists within each other"},
		{strings.Repeat(`{"a":`, 100000), 400, "", "more than 32 objects and lists within each other"},
		{ok(`"x":"` + strings.Repeat("a", 1<<20) + `"`), 413, "", "the body has more than 1048576 bytes"},

		{`{}`, 400, "prompt", "prompt: want one text, not 0"},
		{`{"prompt":null}`, 400, "prompt", "prompt: want one text, not 0"},
		{`{"prompt":""}`, 400, "prompt", "prompt: it is empty"},
		{`{"prompt":["a","b"]}`, 400, "prompt", "prompt: want one text, not 2"},
		{`{"prompt":[1,2]}`, 400, "prompt", "prompt: want a text, not number"},
		{`{"prompt":{}}`, 400, "prompt", "prompt: want a text, not object"},
		{`{"prompt":"a` + "\\u0000" + `"}`, 400, "prompt", "prompt: byte 0x00"},
		{`{"prompt":"a\ud800"}`, 400, "prompt", "is not among the 58 symbols of the vocabulary"},
		{`{"prompt":"` + long + `"}`, 400, "prompt", "its 300 tokens leave no room for new ones: gpt2 has 256 positions"},
		{`{"prompt":"` + long[:250] + `","max_tokens":8}`, 400, "max_tokens", "max_tokens is 8: after a prompt of 250 tokens there is room for 7: gpt2 has 256 positions"},
		{`{"prompt":"` + long[:250] + `","max_tokens":7,"steer":{"attributes":[{"discriminator":"mood"}]}}`, 400, "max_tokens", "there is room for 6"},
		{ok(`"max_tokens":0`), 400, "max_tokens", "max_tokens is 0: want 1 to 200"},
		{ok(`"max_tokens":-1`), 400, "max_tokens", "max_tokens is -1: want 1 to 200"},
		{ok(`"max_tokens":201`), 400, "max_tokens", "max_tokens is 201: want 1 to 200"},
		{ok(`"max_tokens":1e99`), 400, "max_tokens", "max_tokens: 1e99 is not a whole number, or out of range"},
		{ok(`"max_tokens":1.5`), 400, "max_tokens", "max_tokens: 1.5 is not a whole number"},
		{ok(`"max_tokens":99999999999999999999`), 400, "max_tokens", "99999999999999999999 is not a whole number, or out of range"},
		{ok(`"max_tokens":"7"`), 400, "max_tokens", "max_tokens: want a whole number, not string"},
		{ok(`"temperature":-1`), 400, "temperature", "temperature is -1: want 0 to 100"},
		{ok(`"temperature":1e999`), 400, "temperature", "temperature: 1e999 is not a number, or out of range"},
		{ok(`"temperature":NaN`), 400, "", "the body is not JSON: invalid character 'N'"},
		{ok(`"top_p":1.01`), 400, "top_p", "top_p is 1.01: want 0 to 1"},
		{ok(`"top_k":-1`), 400, "top_k", "top_k is -1: want 0 to 58"},
		{ok(`"top_k":59`), 400, "top_k", "top_k is 59: want 0 to 58"},
		{ok(`"repetition_penalty":0`), 400, "repetition_penalty", "repetition_penalty is 0: want 0.01 to 100"},
		{ok(`"n":0`), 400, "n", "n is 0: want 1 to 8"},
		{ok(`"n":9`), 400, "n", "n is 9: want 1 to 8"},
		{ok(`"n":2,"temperature":0`), 400, "n", "n is 2 at the temperature 0: the texts would all be the same"},
		{ok(`"seed":0.5`), 400, "seed", "seed: 0.5 is not a whole number"},
		{ok(`"stop":""`), 400, "stop", "stop: a text of 0 bytes: want 1 to 256"},
		{ok(`"stop":["` + long + `"]`), 400, "stop", "stop: a text of 300 bytes: want 1 to 256"},
		{ok(`"stop":["a",5]`), 400, "stop", "stop: want a text, not number"},
		{ok(`"stop":[` + many + `]`), 400, "stop", "stop: 1001 texts: want at most 16"},
		{ok(`"stream":1`), 400, "stream", "stream: want true or false, not number"},
		{ok(`"stream_options":[]`), 400, "stream_options", "stream_options: want an object, not array"},
		{ok(`"echo":true`), 400, "echo", "echo is not supported"},
		{ok(`"best_of":3`), 400, "best_of", "best_of is not supported"},
		{ok(`"logit_bias":{"50256":-100}`), 400, "logit_bias", "logit_bias is not supported"},
		{ok(`"frequency_penalty":0.1`), 400, "frequency_penalty", "frequency_penalty is not supported"},
		{ok(`"presence_penalty":"x"`), 400, "presence_penalty", "presence_penalty is not supported"},
		{ok(`"logprobs":3`), 400, "logprobs", "logprobs is not supported"},
		{ok(`"tools":[{}]`), 400, "tools", "tools is not supported"},
		{ok(`"response_format":{"type":"json_object"}`), 400, "response_format", "response_format is not supported"},

		{ok(`"steer":[]`), 400, "steer", "steer: want an object, not array"},
		{ok(`"steer":"space"`), 400, "steer", "steer: want an object, not string"},
		{steer(`"attribute":[]`), 400, "steer", `steer: it has no field "attribute"`},
		{steer(`"preset":"best"`), 400, "steer.preset", `steer.preset: no settings named "best": there are paper-bow`},
		{steer(`"stepsize":-0.1`), 400, "steer.stepsize", "steer.stepsize is -0.1: want 0 to 100"},
		{steer(`"num_iterations":101`), 400, "steer.num_iterations", "steer.num_iterations is 101: want 0 to 100"},
		{steer(`"gamma":11`), 400, "steer.gamma", "steer.gamma is 11: want 0 to 10"},
		{steer(`"kl_scale":1e300`), 400, "steer.kl_scale", "steer.kl_scale is 1e+300: want 0 to 100"},
		{steer(`"gm_scale":1.5`), 400, "steer.gm_scale", "steer.gm_scale is 1.5: want 0 to 1"},
		{steer(`"window_length":-5`), 400, "steer.window_length", "steer.window_length is -5: want 0 to "},
		{steer(`"grad_length":1e3`), 400, "", "1e3 is not a whole number"},
		{steer(`"attributes":{}`), 400, "", "attributes: want a list, not object"},
		{attribute(`{}`), 400, "steer.attributes[1]", "want one of bag, discriminator and words"},
		{attribute(`null`), 400, "steer.attributes[1]", "want one of bag, discriminator and words"},
		{attribute(`{"bag":"sea","discriminator":"mood"}`), 400, "steer.attributes[1]", "want one of bag, discriminator and words"},
		{attribute(`{"bag":"sea","file":"/etc/passwd"}`), 400, "steer", `steer: it has no field "file"`},
		{attribute(`{"bag":"/etc/passwd"}`), 400, "steer.attributes[1].bag", `there is no "/etc/passwd": there are sea, land`},
		{attribute(`{"bag":"../sea"}`), 400, "steer.attributes[1].bag", `there is no "../sea": there are sea, land`},
		{attribute(`{"bag":"sea","class":"good"}`), 400, "steer.attributes[1].class", "only a discriminator has classes"},
		{attribute(`{"bag":"sea","name":"x"}`), 400, "steer.attributes[1].name", "only words have a name"},
		{attribute(`{"discriminator":"http://127.0.0.1/"}`), 400, "steer.attributes[1].discriminator", `there is no "http://127.0.0.1/": there are mood`},
		{attribute(`{"discriminator":"mood","class":"ugly"}`), 400, "steer.attributes[1].class", `no class "ugly": there are good (0), bad (1)`},
		{attribute(`{"bag":"sea","weight":1e9}`), 400, "steer.attributes[1].weight", "weight is 1e+09: want -1000 to 1000"},
		{attribute(`{"words":[]}`), 400, "steer.attributes[1].words", "there is no word in it"},
		{attribute(`{"words":[" ",""]}`), 400, "steer.attributes[1].words", "there is no word in it"},
		{attribute(`{"words":["a\u0007b"]}`), 400, "steer.attributes[1].words", "has a control character"},
		{attribute(`{"words":["\ud800"]}`), 400, "steer.attributes[1].words", "has a character that is none"},
		{attribute(`{"words":["` + long + `"]}`), 400, "steer.attributes[1].words", "a word has 300 bytes: want at most 80"},
		{attribute(`{"words":["` + long[:70] + `"]}`), 400, "steer.attributes[1].words", "has 71 tokens: want at most 24"},
		{attribute(`{"words":[` + many + `]}`), 400, "steer.attributes[1].words", "1001 words: want at most 1000"},
		{attribute(`{"words":["a0"]}`), 400, "steer.attributes[1].words", "is not among the 58 symbols"},
		{attribute(`{"words":["a"],"name":"` + long + `"}`), 400, "steer.attributes[1].name", "name has 300 bytes: want at most 80"},
		{steer(`"attributes":[` + strings.Repeat(`{"bag":"sea"},`, 16) + `{"bag":"sea"}]`), 400, "steer.attributes", "17 of them: want at most 16"},
	} {
		t.Run(fmt.Sprintf("%.60q", tt.body), func(t *testing.T) {
			for _, stream := range []bool{false, true} {
				body := tt.body
				if stream && tt.status == http.StatusBadRequest && strings.HasPrefix(body, `{"prompt"`) && !strings.Contains(body, `"stream"`) {
					body = strings.Replace(body, `{`, `{"stream":true,`, 1)
				}
				res, answer := s.ask(t, "/v1/completions", body)
				require.Equal(t, tt.status, res.StatusCode, answer)
				assert.Equal(t, "application/json", res.Header.Get("Content-Type"))
				p := problem(t, answer)
				assert.Contains(t, p.Message, tt.want)
				assert.Equal(t, invalidRequest, p.Type)
				if tt.param != "" {
					require.NotNil(t, p.Param)
					assert.Equal(t, tt.param, *p.Param)
				}
				assert.Less(t, len(answer), 1000, "an answer is short, whatever it quotes")
			}
		})
	}
	for body, want := range map[string]string{
		`{}`:                          "messages: want one or more",
		`{"messages":[]}`:             "messages: want one or more",
		`{"messages":[{}]}`:           `messages[0].role is "": want system, user or assistant`,
		`{"messages":"The sea"}`:      "messages: want a list, not string",
		`{"messages":[{"role":"x"}]}`: `messages[0].role is "x": want system, user or assistant`,
		`{"messages":[{"role":"user","content":7}]}`:                                   "want a text, not number",
		`{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`:              `a part of the type "image_url": only text can be read`,
		`{"messages":[{"role":"user"}]}`:                                               "messages: it is empty",
		`{"messages":[{"role":"user","content":"a"}],"max_completion_tokens":1000000}`: "max_tokens is 1000000: want 1 to 200",
	} {
		res, answer := s.ask(t, "/v1/chat/completions", body)
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assert.Contains(t, problem(t, answer).Message, want)
	}
}

// What is no request of the API's is an error as JSON too.
func TestWrongRoutes(t *testing.T) {
	s := newServer(t, nil)
	for _, tt := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/v1/completions", 405, "want POST"},
		{"DELETE", "/v1/models", 405, "want GET, HEAD"},
		{"POST", "/healthz", 405, "want GET, HEAD"},
		{"BREW", "/", 405, "want GET, HEAD"},
		{"GET", "/v1", 404, `there is nothing at "/v1"`},
		{"GET", "/v1/", 404, `there is nothing at "/v1/"`},
		{"GET", "/v2/completions", 404, "there is nothing at"},
		{"POST", "/v1/completions/", 404, "there is nothing at"},
		{"GET", "/v1/bags/none", 404, `there is no bag of words "none": there are sea, land`},
		{"GET", "/v1/models/none", 404, `there is no model "none": there is gpt2`},
		{"GET", "/..", 404, "there is nothing at"},
		{"GET", "//v1/models", 404, "there is nothing at"},
		{"GET", "/assets/../v1/models", 404, "there is nothing at"},
		{"GET", "/assets/%2e%2e/%2e%2e/etc/passwd", 404, "there is nothing at"},
		{"GET", "/v1/bags/..%2f..%2fetc%2fpasswd", 404, "there is nothing at"},
		{"GET", "/v1/bags/%2fetc%2fpasswd", 404, "there is nothing at"},
		{"GET", "/v1/bags/sea%00", 404, "there is no bag of words"},
		{"GET", "/v1/bags/..%5c..", 404, "there is no bag of words"},
		{"GET", "/favicon.ico", 404, "there is nothing at"},
	} {
		res, body := s.do(t, tt.method, tt.path, "")
		assert.Equal(t, tt.status, res.StatusCode, tt.path)
		assert.Contains(t, problem(t, body).Message, tt.want)
	}
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json2", ";;"} {
		res, body := s.do(t, "POST", "/v1/completions", `{"prompt":"a"}`, "Content-Type", kind)
		assert.Equal(t, http.StatusUnsupportedMediaType, res.StatusCode)
		assert.Contains(t, problem(t, body).Message, "want application/json")
	}
	res, _ := s.do(t, "POST", "/v1/completions", `{"prompt":"a"}`, "Content-Type", "Application/JSON; charset=utf-8")
	assert.Equal(t, http.StatusOK, res.StatusCode)
}
