package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/tiller-ml/tiller/pplm/serve/internal/engine"
)

func (a *API) serveCompletion(w http.ResponseWriter, r *http.Request) {
	var c CompletionRequest
	err := a.readBody(w, r, &c)
	var q *asked
	if err == nil {
		q, err = a.completion(&c)
	}
	a.answer(w, r, q, err, &form{})
}

func (a *API) serveChat(w http.ResponseWriter, r *http.Request) {
	var c ChatRequest
	err := a.readBody(w, r, &c)
	var q *asked
	if err == nil {
		q, err = a.chat(&c)
	}
	a.answer(w, r, q, err, &form{chat: true})
}

// answer writes the texts that q asks for, or what was wrong with it.
func (a *API) answer(w http.ResponseWriter, r *http.Request, q *asked, err error, f *form) {
	begun := time.Now()
	if err != nil {
		fail(w, err)
		return
	}
	s, err := a.Engine.Submit(r.Context(), q.request)
	if err != nil {
		fail(w, err)
		return
	}
	defer s.Close()
	f.begin(a, q)
	t := &texts{api: a, stream: s, form: f, asked: q, begun: begun, rec: w.(*recorder)}
	if q.stream {
		t.serveEvents(r.Context())
	} else {
		t.serveWhole(r.Context())
	}
}

// texts are an answer under way.
type texts struct {
	api    *API
	stream *engine.Stream
	form   *form
	asked  *asked
	begun  time.Time
	rec    *recorder
}

// next waits for more of the texts.
func (t *texts) next(ctx context.Context) ([]engine.Piece, error) {
	pieces, err := t.stream.Next(ctx)
	if len(pieces) > 0 && !t.form.seen {
		t.form.seen = true
		t.api.Metrics.firstToken(time.Since(t.begun))
	}
	t.rec.tokens = t.stream.Tokens()
	var mistake *engine.PanicError
	if errors.As(err, &mistake) {
		t.api.Log.LogAttrs(ctx, slog.LevelError, mistake.Error(), slog.String("stack", string(mistake.Stack)))
	}
	return pieces, err
}

// serveWhole answers when all texts are there.
func (t *texts) serveWhole(ctx context.Context) {
	samples := make([]choice, t.asked.request.Samples)
	extend := func() { http.NewResponseController(t.rec).SetWriteDeadline(time.Now().Add(t.api.patience)) } // where there are any
	for {
		pieces, err := t.next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.rec.gone = ctx.Err() != nil
			extend()
			fail(t.rec, err)
			return
		}
		for _, p := range pieces {
			samples[p.Sample].add(t.form, p)
		}
	}
	extend()
	for i := range samples {
		samples[i].index = i
	}
	writeJSON(t.rec, http.StatusOK, t.form.whole(samples, t.form.count(t.stream)))
}

// choice is a text, or what it has more.
type choice struct {
	index  int
	text   strings.Builder
	tokens []Token
	finish *string
}

func (c *choice) add(f *form, p engine.Piece) {
	c.text.WriteString(p.Text)
	c.tokens = append(c.tokens, f.details(p)...)
	if p.Finish != "" {
		finish := string(p.Finish)
		c.finish = &finish
	}
}

// form is how an answer looks.
type form struct {
	chat   bool
	api    *API
	asked  *asked
	id     string
	when   int64
	finder *finder
	spoken []bool // samples whose role has been told
	seen   bool   // the first piece has come
}

func (f *form) begin(a *API, q *asked) {
	f.api, f.asked, f.when = a, q, time.Now().Unix()
	f.id = "cmpl-" + rand.Text()
	if f.chat {
		f.id = "chat" + f.id
	}
	f.spoken = make([]bool, q.request.Samples)
	if q.details {
		f.finder = newFinder(q.request)
	}
}

// details are a piece's tokens, where they were asked for.
func (f *form) details(p engine.Piece) []Token {
	if f.finder == nil {
		return nil
	}
	tokens := make([]Token, len(p.Tokens))
	for i, t := range p.Tokens {
		tokens[i] = Token{
			ID: t.ID, Text: t.Text, P: t.P, Steered: t.Steered, Plain: t.Plain, KL: t.KL,
			Bag: f.finder.bags(p.Sample, t.ID), Attributes: make([]float64, len(t.Likelihood)),
		}
		for k, l := range t.Likelihood {
			tokens[i].Attributes[k] = probability(l, f.asked.request.Attributes[k].Weight)
		}
	}
	return tokens
}

// probability is an attribute's own, of its log-likelihood with a weight, which below
// zero is that of being without it.
func probability(likelihood, weight float64) float64 {
	if weight < 0 {
		return max(0, -math.Expm1(likelihood/-weight))
	}
	return math.Exp(likelihood / weight)
}

// tiller are tokens as a choice's own field.
func (f *form) tiller(tokens []Token) *Details {
	if f.finder == nil {
		return nil
	}
	return &Details{append([]Token{}, tokens...)}
}

func (f *form) count(s *engine.Stream) *Usage {
	n := s.Tokens()
	return &Usage{f.asked.prompt, n, f.asked.prompt + n}
}

// fingerprint is the beginning of the hash of the model's weights.
func (f *form) fingerprint() string {
	hash := f.api.Model.Info().Hash
	return "fp_" + hash[:min(10, len(hash))]
}

// whole is the answer with all of its texts.
func (f *form) whole(samples []choice, usage *Usage) any {
	if f.chat {
		out := f.newChat("chat.completion", usage)
		for i := range samples {
			c := &samples[i]
			out.Choices = append(out.Choices, ChatChoice{
				Index: c.index, Message: &Answer{Role: "assistant", Content: c.text.String()}, FinishReason: c.finish, Tiller: f.tiller(c.tokens),
			})
		}
		return out
	}
	out := f.newCompletion(usage)
	for i := range samples {
		c := &samples[i]
		out.Choices = append(out.Choices, CompletionChoice{
			Index: c.index, Text: c.text.String(), FinishReason: c.finish, Tiller: f.tiller(c.tokens),
		})
	}
	return out
}

// part is what a text has more, as an event of a stream.
func (f *form) part(p engine.Piece) any {
	var c choice
	c.add(f, p)
	if f.chat {
		out := f.newChat("chat.completion.chunk", nil)
		delta := &Delta{Content: p.Text}
		if !f.spoken[p.Sample] {
			f.spoken[p.Sample], delta.Role = true, "assistant"
		}
		out.Choices = append(out.Choices, ChatChoice{Index: p.Sample, Delta: delta, FinishReason: c.finish, Tiller: f.tiller(c.tokens)})
		return out
	}
	out := f.newCompletion(nil)
	out.Choices = append(out.Choices, CompletionChoice{Index: p.Sample, Text: p.Text, FinishReason: c.finish, Tiller: f.tiller(c.tokens)})
	return out
}

// usage is the last event of a stream that counts its tokens.
func (f *form) usage(s *engine.Stream) any {
	if f.chat {
		return f.newChat("chat.completion.chunk", f.count(s))
	}
	return f.newCompletion(f.count(s))
}

func (f *form) newChat(object string, usage *Usage) *Chat {
	return &Chat{
		ID: f.id, Object: object, Created: f.when, Model: f.api.Model.Info().Name, Fingerprint: f.fingerprint(),
		Choices: []ChatChoice{}, Usage: usage,
	}
}

func (f *form) newCompletion(usage *Usage) *Completion {
	return &Completion{
		ID: f.id, Object: "text_completion", Created: f.when, Model: f.api.Model.Info().Name, Fingerprint: f.fingerprint(),
		Choices: []CompletionChoice{}, Usage: usage,
	}
}

// encode is v as JSON for an event.
func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		body, _ = json.Marshal(asFault(err).failure())
	}
	return body
}
