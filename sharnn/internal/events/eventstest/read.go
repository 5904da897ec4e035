package eventstest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed read.py
var script string

// Scalar is a number of a step, as TensorBoard has it.
type Scalar struct {
	Step  int     `json:"step"`
	Value float64 `json:"value"`
	Wall  float64 `json:"wall"` // seconds of 1970
}

// Text is a text of a step.
type Text struct {
	Step int    `json:"step"`
	Text string `json:"text"`
}

// Log is what TensorBoard finds in a folder, by tag.
type Log struct {
	Scalars map[string][]Scalar `json:"scalars"`
	Texts   map[string][]Text   `json:"texts"`
}

// Read reads the folder dir.
func Read(t testing.TB, dir string) (log Log) {
	t.Helper()
	python := python(t)
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), python, "-c", script, dir)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	require.NoError(t, json.Unmarshal(out, &log), "%s", out)
	return log
}

func python(t testing.TB) string {
	t.Helper()
	name := os.Getenv("TILLER_PYTHON")
	if name == "" {
		name = "python3"
	}
	out, err := exec.CommandContext(t.Context(), name, "-c", "import tensorboard").CombinedOutput()
	if err == nil {
		return name
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	why := "no tensorboard: " + name + ": " + err.Error() + " " + lines[len(lines)-1]
	if slices.Contains(strings.Fields(os.Getenv("TILLER_REQUIRE")), "tensorboard") {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}
