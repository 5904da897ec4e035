package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	mostBody  = 1 << 20 // bytes of a request's body
	mostDepth = 32      // of objects and lists within each other

	// bodyTime is how long a client may take to send a body.
	bodyTime = 30 * time.Second
)

// readBody reads the request's JSON into v.
func (a *API) readBody(w http.ResponseWriter, r *http.Request, v any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return refused(http.StatusUnsupportedMediaType, "content_type", "the body's Content-Type is %.80q: want application/json", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return refused(http.StatusRequestEntityTooLarge, "too_large", "the body has more than %d bytes", large.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		return refused(http.StatusRequestTimeout, "slow", "the body took more than %v to come", a.bodyTime)
	case err != nil:
		return refused(http.StatusBadRequest, "", "reading the body: %v", err)
	}
	if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return decode(body, v)
}

// decode reads JSON into v, after [checkJSON]. Fields that v does not have are
// skipped, but for those of unsupported.
func decode(body []byte, v any) error {
	if err := checkJSON(body); err != nil {
		return err
	}
	if err := checkUnsupported(body); err != nil {
		return err
	}
	return explain(json.Unmarshal(body, v))
}

// strict is json.Unmarshal that knows no other fields than v's.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// explain makes a fault of an error of package json.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var f *fault
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &kind):
		return explainType(kind)
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	if name, ok := strings.CutPrefix(text, "unknown field "); ok {
		return wrong("steer", "steer: it has no field %.80s", name)
	}
	return wrong("", "the body is not as it should be: %s", text)
}

// explainType tells of a value of a type that a field does not have.
func explainType(err *json.UnmarshalTypeError) error {
	field := strings.TrimPrefix(err.Field, "Sampling.") // which JSON does not have
	what := field
	if what == "" {
		what = "the body"
	}
	if n, ok := strings.CutPrefix(err.Value, "number "); ok {
		return wrong(field, "%s: %.40s is not %s, or out of range", what, n, nameOf(err.Type))
	}
	return wrong(field, "%s: want %s, not %.40s", what, nameOf(err.Type), err.Value)
}

// nameOf is a Go type for people who write JSON.
func nameOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return nameOf(t.Elem())
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a text"
	}
	return "an object"
}

// checkJSON tells what is wrong with a text that should be one JSON object.
func checkJSON(body []byte) error {
	bad := func(format string, args ...any) error {
		return refused(http.StatusBadRequest, "invalid_json", "the body is not JSON: "+format, args...)
	}
	if !utf8.Valid(body) {
		return bad("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := checkValue(d, 0); err != nil {
		var f *fault
		if errors.As(err, &f) {
			return f
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return bad("%v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad("something comes after its end")
	}
	if bytes.TrimLeft(body, " \t\r\n")[0] != '{' {
		return bad("want an object")
	}
	return nil
}

// checkValue reads a value of any type.
func checkValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == mostDepth {
		return fmt.Errorf("more than %d objects and lists within each other", mostDepth)
	}
	names := map[string]bool{}
	for d.More() {
		if open == '{' {
			t, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := t.(string)
			if names[name] {
				return wrong(name, "the field %.80q comes twice", name)
			}
			names[name] = true
		}
		if err := checkValue(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// unsupported are fields of OpenAI's that would change the answer, with the values
// that change nothing. null never does.
var unsupported = []struct {
	name    string
	neutral []any
}{
	{"best_of", []any{1.0}},
	{"echo", []any{false}},
	{"frequency_penalty", []any{0.0}},
	{"function_call", []any{"none"}},
	{"functions", []any{[]any{}}},
	{"logit_bias", []any{map[string]any{}}},
	{"logprobs", []any{false}},
	{"presence_penalty", []any{0.0}},
	{"response_format", []any{map[string]any{"type": "text"}}},
	{"suffix", []any{""}},
	{"tool_choice", []any{"none", "auto"}},
	{"tools", []any{[]any{}}},
	{"top_logprobs", []any{0.0}},
}

// checkUnsupported tells of a field that cannot be honoured.
func checkUnsupported(body []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return explain(err)
	}
	for _, u := range unsupported {
		raw, ok := fields[u.name]
		if !ok {
			continue
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			return wrong(u.name, "%s: %v", u.name, err)
		}
		same := func(n any) bool { return reflect.DeepEqual(n, value) }
		if value != nil && !slices.ContainsFunc(u.neutral, same) {
			return wrong(u.name, "%s is not supported: leave it out", u.name)
		}
	}
	return nil
}
