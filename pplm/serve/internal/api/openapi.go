package api

import (
	_ "embed"
	"net/http"
)

// document describes the API to programs.
//
//go:embed openapi.json
var document []byte

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(document)
}
