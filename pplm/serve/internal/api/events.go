package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// serveEvents answers with server-sent events, one for each piece of a text, and
// [DONE] after the last. The answer begins with the first of them, or with a sign of
// life: an error before it has a status of its own, and one after it is an event.
func (t *texts) serveEvents(ctx context.Context) {
	e := &events{rec: t.rec, control: http.NewResponseController(t.rec), patience: t.api.patience}
	for {
		wait, cancel := context.WithTimeout(ctx, t.api.beat)
		pieces, err := t.next(wait)
		cancel()
		switch {
		case len(pieces) > 0:
			for _, p := range pieces {
				if p.Text != "" || p.Finish != "" || t.asked.details {
					e.add(encode(t.form.part(p)))
				}
			}
			err = e.flush()
		case errors.Is(err, io.EOF):
			t.finish(e)
			return
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			e.write(": waiting\n\n")
			err = e.flush()
		}
		if err == nil {
			continue
		}
		t.rec.gone = ctx.Err() != nil || e.failed != nil
		if !e.begun {
			fail(t.rec, err)
		} else {
			e.add(encode(asFault(err).failure()))
			e.flush() // as far as there is anybody
		}
		return
	}
}

func (t *texts) finish(e *events) {
	if t.asked.usage {
		e.add(encode(t.form.usage(t.stream)))
	}
	e.add([]byte("[DONE]"))
	t.rec.gone = e.flush() != nil
}

// events writes server-sent events.
type events struct {
	rec      *recorder
	control  *http.ResponseController
	patience time.Duration
	begun    bool
	failed   error // of a write
}

func (e *events) add(data []byte) { e.write("data: " + string(data) + "\n\n") }

func (e *events) write(text string) {
	if !e.begun {
		e.begun = true
		h := e.rec.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no") // a proxy before it is not to collect events
		e.rec.WriteHeader(http.StatusOK)
		e.extend()
	}
	if e.failed == nil {
		_, e.failed = io.WriteString(e.rec, text)
	}
}

// flush sends what was written, if anything was: the answer's head is not to go
// without its type. A client that does not read it in time is dropped.
func (e *events) flush() error {
	if e.begun && e.failed == nil {
		e.extend()
		e.failed = e.control.Flush()
	}
	return e.failed
}

func (e *events) extend() {
	if err := e.control.SetWriteDeadline(time.Now().Add(e.patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		e.failed = err
	}
}
