package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Tokens without text, as those of half a character, do not begin an answer: its
// head would go without the type of events.
func TestFlushNothing(t *testing.T) {
	w := httptest.NewRecorder()
	e := &events{rec: &recorder{ResponseWriter: w}, control: http.NewResponseController(w), patience: time.Second}
	require.NoError(t, e.flush())
	assert.False(t, w.Flushed)
	e.add([]byte("{}"))
	require.NoError(t, e.flush())
	assert.True(t, w.Flushed)
	assert.Equal(t, "text/event-stream", w.Header().Get("Content-Type"))
	assert.Equal(t, "data: {}\n\n", w.Body.String())
}
