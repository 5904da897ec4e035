package api

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A name with lines in it does not stand for another request's words.
func TestDigest(t *testing.T) {
	seen := map[string]string{}
	for _, tt := range []struct {
		name  string
		words []string
	}{
		{"mine", []string{"ship", "sea"}},
		{"mine\nship", []string{"sea"}},
		{"mine\"\n\"ship", []string{"sea"}},
		{"mine", []string{"sea", "ship"}},
		{"mine", []string{"shipsea"}},
	} {
		d := digest(tt.name, tt.words)
		assert.Empty(t, seen[d], "%q %q", tt.name, tt.words)
		seen[d] = tt.name
	}
}
