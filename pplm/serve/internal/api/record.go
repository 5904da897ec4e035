package api

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// recorder remembers an answer's status and what it counts.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing was written yet
	tokens int
	gone   bool // the client left before its answer was whole
}

// WriteHeader writes and remembers the status.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write is that of the writer within.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// record answers by h, counts the answer and writes a line of the log. No line has
// a part of a prompt or of a text.
func (a *API) record(w http.ResponseWriter, r *http.Request, h http.HandlerFunc) {
	id, begun := "req_"+rand.Text(), time.Now()
	w.Header().Set("X-Request-Id", id)
	rec := &recorder{ResponseWriter: w}
	defer func() {
		status := rec.status
		if status == 0 || rec.gone {
			status = statusGone
		}
		route := r.Pattern[strings.IndexByte(r.Pattern, ' ')+1:]
		if route == "" || route == "/" {
			route = "other"
		}
		a.Metrics.answered(route, status)
		a.Log.LogAttrs(r.Context(), slog.LevelInfo, "answered",
			slog.String("id", id), slog.String("method", fmt.Sprintf("%.16s", r.Method)), slog.String("route", route), slog.Int("status", status),
			slog.Int("tokens", rec.tokens), slog.Int64("ms", time.Since(begun).Milliseconds()))
	}()
	h(rec, r)
}
