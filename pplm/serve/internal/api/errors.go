package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"github.com/tiller-ml/tiller/pplm/serve/internal/engine"
)

// The kinds of errors, as OpenAI names them.
const (
	invalidRequest = "invalid_request_error"
	authentication = "authentication_error"
	rateLimit      = "rate_limit_error"
	serverError    = "server_error"
)

// Problem is an error in an answer.
type Problem struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"` // the field that is wrong
	Code    *string `json:"code"`
}

// Failure is the answer to a request that fails.
type Failure struct {
	Error Problem `json:"error"`
}

// fault is a failure with its status.
type fault struct {
	status  int
	kind    string
	param   string
	code    string
	message string
	after   int // seconds until it may be tried again; 0: unknown
}

func (f *fault) Error() string { return f.message }

// wrong is a mistake in a field of a request.
func wrong(param, format string, args ...any) *fault {
	return &fault{status: http.StatusBadRequest, kind: invalidRequest, param: fmt.Sprintf("%.80s", param), message: fmt.Sprintf(format, args...)}
}

// refused is a request that is wrong as a whole.
func refused(status int, code, format string, args ...any) *fault {
	return &fault{status: status, kind: invalidRequest, code: code, message: fmt.Sprintf(format, args...)}
}

// asFault finds the status of an error.
func asFault(err error) *fault {
	var f *fault
	var full *engine.FullError
	var invalid *engine.InvalidError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &full):
		after := min(int(math.Ceil(full.After.Seconds())), 3600)
		return &fault{status: http.StatusTooManyRequests, kind: rateLimit, code: "queue_full", message: err.Error(), after: after}
	case errors.As(err, &invalid):
		return wrong("", "%v", err)
	case errors.Is(err, engine.ErrClosed):
		return &fault{status: http.StatusServiceUnavailable, kind: serverError, code: "shutting_down", message: err.Error(), after: 1}
	case errors.Is(err, context.Canceled):
		return &fault{status: statusGone, kind: invalidRequest, code: "cancelled", message: "the request was cancelled"}
	}
	return &fault{status: http.StatusInternalServerError, kind: serverError, message: err.Error()}
}

// statusGone is for logs and metrics: a client that has left gets no answer. It is
// nginx's number.
const statusGone = 499

func (f *fault) failure() Failure {
	p := Problem{Message: f.message, Type: f.kind}
	if f.param != "" {
		p.Param = &f.param
	}
	if f.code != "" {
		p.Code = &f.code
	}
	return Failure{p}
}

// fail answers with an error.
func fail(w http.ResponseWriter, err error) {
	f := asFault(err)
	if f.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.after))
	}
	if f.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeJSON(w, f.status, f.failure())
}
