package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// nodeModules is the folder that TILLER_NODE_MODULES names, with OpenAI's client.
// Without it, or without node, the test is skipped, or fails where TILLER_REQUIRE, a
// list of words, has "openai".
func nodeModules(t *testing.T) string {
	missing := func(what string) {
		if slices.Contains(strings.Fields(os.Getenv("TILLER_REQUIRE")), "openai") {
			t.Fatal(what)
		}
		t.Skip(what)
	}
	dir := os.Getenv("TILLER_NODE_MODULES")
	if _, err := os.Stat(filepath.Join(dir, "openai")); dir == "" || err != nil {
		missing("no OpenAI client: TILLER_NODE_MODULES names no folder node_modules with openai")
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing("no node: " + err.Error())
	}
	return dir
}

// OpenAI's own client for JavaScript lists models, streams completions and chats, and
// understands errors.
func TestOpenAI(t *testing.T) {
	modules := nodeModules(t)
	dir := t.TempDir()
	program, err := os.ReadFile("e2e/openai.mjs")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "openai.mjs"), program, 0o666))
	require.NoError(t, os.Symlink(modules, filepath.Join(dir, "node_modules")))
	url, stop := start(t, "-token", "secret")
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(dir, "openai.mjs"), url, "secret")
	cmd.Stderr = t.Output()
	line, err := cmd.Output()
	require.NoError(t, err)
	var out struct {
		Models                  []string
		Completion, Whole, Chat string
		Events                  int
		Usage                   struct {
			Tokens int `json:"completion_tokens"`
		}
		Message struct{ Role, Content string }
		Error   struct {
			Name, Param, Message string
			Status               int
		}
		Left string
	}
	require.NoError(t, json.Unmarshal(line, &out), "%s", line)
	assert.Equal(t, []string{"books"}, out.Models)
	assert.NotEmpty(t, out.Completion)
	assert.Equal(t, out.Whole, out.Completion)
	assert.Equal(t, out.Whole, out.Chat)
	assert.Equal(t, 13, out.Events, "a token each, and the count of them")
	assert.Equal(t, 12, out.Usage.Tokens)
	assert.Equal(t, "assistant", out.Message.Role)
	assert.Equal(t, out.Chat, out.Message.Content)
	assert.Equal(t, "BadRequestError", out.Error.Name)
	assert.Equal(t, 400, out.Error.Status)
	assert.Equal(t, "max_tokens", out.Error.Param)
	assert.Contains(t, out.Error.Message, "max_tokens is -1")
	assert.NotEmpty(t, out.Left)
	require.Eventually(t, func() bool { return strings.Contains(metrics(t, url, "secret"), "\ntiller_texts_at_work 0\n") }, 10*time.Second, 5*time.Millisecond,
		"the text that nobody reads ends")
	require.NoError(t, stop())
}

func metrics(t testing.TB, url, token string) string {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/metrics", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(body)
}
