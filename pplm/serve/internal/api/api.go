package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/pplm/serve/internal/engine"
)

// Config is what a server has and who may ask it.
type Config struct {
	Model     *models.Model
	Engine    *engine.Engine
	Limits    engine.Limits
	Catalogue *Catalogue
	Metrics   *Metrics
	Preset    pplm.Preset // of what a request leaves out
	MaxTokens int         // the longest text that can be asked for
	Page      http.Handler
	Hosts     Hosts
	Token     string // empty: none is needed
	Log       *slog.Logger
}

// API answers requests.
type API struct {
	Config
	started  time.Time
	routes   *http.ServeMux
	bodyTime time.Duration // that a body may take
	beat     time.Duration // between signs of life while a request waits
	patience time.Duration // that a write may take
}

// New is the handler of a server.
func New(c Config) *API {
	a := &API{
		Config: c, started: time.Now(), routes: http.NewServeMux(),
		bodyTime: bodyTime, beat: 15 * time.Second, patience: 20 * time.Second,
	}
	a.route("POST /v1/completions", a.private(a.serveCompletion))
	a.route("POST /v1/chat/completions", a.private(a.serveChat))
	a.route("GET /v1/models", a.private(a.serveModels))
	a.route("GET /v1/models/{name}", a.private(a.serveModel))
	a.route("GET /v1/attributes", a.private(a.serveAttributes))
	a.route("GET /v1/bags/{name}", a.private(a.serveBag))
	a.route("GET /metrics", a.private(c.Metrics.handler.ServeHTTP))
	a.route("GET /healthz", serveHealth)
	a.route("GET /openapi.json", serveOpenAPI)
	a.route("GET /{$}", c.Page.ServeHTTP)
	a.route("GET /assets/", c.Page.ServeHTTP)
	a.routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fail(w, notFound(r)) })
	return a
}

// route adds a handler of a pattern "METHOD path", and an error for other methods.
func (a *API) route(pattern string, h http.HandlerFunc) {
	method, path, _ := strings.Cut(pattern, " ")
	a.routes.HandleFunc(pattern, h)
	a.routes.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		allow := method
		if method == http.MethodGet {
			allow += ", " + http.MethodHead
		}
		w.Header().Set("Allow", allow)
		fail(w, refused(http.StatusMethodNotAllowed, "method_not_allowed", "%.40q is not possible here: want %s", r.Method, allow))
	})
}

func notFound(r *http.Request) error {
	return refused(http.StatusNotFound, "not_found", "there is nothing at %.200q", r.URL.Path)
}

// ServeHTTP answers a request, with an error as JSON where it is none.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.record(w, r, func(w http.ResponseWriter, r *http.Request) {
		protect(w.Header())
		err := a.limit(w)
		if err == nil {
			err = a.guard(r)
		}
		if err != nil {
			fail(w, err)
			return
		}
		a.routes.ServeHTTP(w, r)
	})
}

// limit bounds how long a body may take, which package http reads to its end before
// an answer even where no handler wants it, and the answer after it.
func (a *API) limit(w http.ResponseWriter) error {
	control, end := http.NewResponseController(w), time.Now().Add(a.bodyTime)
	err := control.SetReadDeadline(end)
	if err == nil {
		err = control.SetWriteDeadline(end.Add(a.patience))
	}
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

func serveHealth(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, Health{"ok"})
}

// writeJSON answers with v.
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // a number that JSON cannot hold
		status, body = http.StatusInternalServerError, []byte(`{"error":{"message":"the answer has a number that is none","type":"server_error","param":null,"code":null}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(body, '\n')) // an error means that the client has left
}
