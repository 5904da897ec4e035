package api

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// schemas are the Go types of the document's schemas.
var schemas = map[string]any{
	"CompletionRequest": CompletionRequest{}, "ChatRequest": ChatRequest{}, "StreamOptions": StreamOptions{}, "Message": Message{},
	"Steer": Steer{}, "Attribute": Attribute{}, "Completion": Completion{}, "CompletionChoice": CompletionChoice{},
	"Chat": Chat{}, "ChatChoice": ChatChoice{}, "Answer": Answer{}, "Delta": Delta{}, "Usage": Usage{}, "Details": Details{},
	"Token": Token{}, "Models": Models{}, "ModelInfo": ModelInfo{}, "Attributes": Attributes{}, "BagInfo": BagInfo{},
	"DiscriminatorInfo": DiscriminatorInfo{}, "PresetInfo": PresetInfo{}, "PresetSettings": PresetSettings{},
	"BagWords": BagWords{}, "Health": Health{}, "Failure": Failure{}, "Problem": Problem{},
}

// names are a struct's fields in JSON.
func names(t reflect.Type) (out []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			out = append(out, names(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

func openAPI(t *testing.T) *openapi3.T {
	doc, err := openapi3.NewLoader().LoadFromData(document)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	return doc
}

// The document is valid, has the fields that the types have, and the paths that are
// served.
func TestOpenAPI(t *testing.T) {
	doc := openAPI(t)
	assert.ElementsMatch(t, slices.Collect(maps.Keys(schemas)), slices.Collect(maps.Keys(doc.Components.Schemas)))
	for name, v := range schemas {
		schema := doc.Components.Schemas[name].Value
		assert.ElementsMatch(t, names(reflect.TypeOf(v)), slices.Collect(maps.Keys(schema.Properties)), name)
	}
	s := newServer(t, nil)
	for path, item := range doc.Paths.Map() {
		path = strings.ReplaceAll(path, "{name}", "sea")
		for method := range item.Operations() {
			res, body := s.do(t, method, path, "")
			assert.NotEqual(t, http.StatusMethodNotAllowed, res.StatusCode, "%s %s", method, path)
			if res.StatusCode == http.StatusNotFound {
				assert.Contains(t, body, "there is no model", path)
			}
		}
	}
}

// Answers are as the document says.
func TestAnswersAsDocumented(t *testing.T) {
	doc := openAPI(t)
	s := newServer(t, nil)
	doc.Servers = nil
	router, err := legacy.NewRouter(doc)
	require.NoError(t, err)
	for _, q := range []struct{ method, path, body string }{
		{"GET", "/v1/models", ""},
		{"GET", "/v1/models/gpt2", ""},
		{"GET", "/v1/models/none", ""},
		{"GET", "/v1/attributes", ""},
		{"GET", "/v1/bags/sea", ""},
		{"GET", "/v1/bags/none", ""},
		{"GET", "/healthz", ""},
		{"POST", "/v1/completions", `{"prompt":"The sea","max_tokens":3,"n":2,` + steered + `}`},
		{"POST", "/v1/completions", `{"prompt":"The sea","max_tokens":3,"stop":null,"seed":-4}`},
		{"POST", "/v1/completions", `{"prompt":["The sea"],"top_p":7}`},
		{"POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"The sea"}],"max_completion_tokens":3,"stop":["a","b"],` + steered + `}`},
	} {
		t.Run(q.method+" "+q.path, func(t *testing.T) {
			res, body := s.do(t, q.method, q.path, q.body, "Content-Type", "application/json")
			r, err := http.NewRequest(q.method, q.path, strings.NewReader(q.body))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/json")
			route, params, err := router.FindRoute(r)
			require.NoError(t, err)
			in := &openapi3filter.RequestValidationInput{Request: r, Route: route, PathParams: params,
				Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
			if res.StatusCode == http.StatusOK {
				require.NoError(t, openapi3filter.ValidateRequest(t.Context(), in))
			}
			out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: res.StatusCode, Header: res.Header}
			out.SetBodyBytes([]byte(body))
			require.NoError(t, openapi3filter.ValidateResponse(t.Context(), out), body)
		})
	}
}
