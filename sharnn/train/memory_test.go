//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// measuredText makes TestMeasured train on a file and print its peak.
const measuredText = "TILLER_TRAIN_MEASURED_TEXT"

// A file of 1 GB trains in the anonymous memory of one of 10 MB, and 32 MB more at
// the most.
func TestMemoryOfALargeFile(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 1 GB")
	}
	small, large := peakMemory(t, 10_000_000), peakMemory(t, 1_000_000_000)
	t.Logf("anonymous resident memory at its peak: %d kB with 10 MB of text, %d kB with 1 GB", small, large)
	assert.LessOrEqual(t, large, small+32<<10)
}

// peakMemory is the most RssAnon in kB of a run on a text of n bytes, in a process
// of its own. The text's beginning is sentences; most of the rest is a hole.
func peakMemory(t *testing.T, n int64) int64 {
	path := filepath.Join(t.TempDir(), "text")
	sentences, err := os.ReadFile(text(t, 1_000_000))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, sentences, 0o666))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(n))
	_, err = f.WriteAt(sentences[:20_000], n-20_000)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMeasured$", "-test.v")
	child.Env = append(os.Environ(), measuredText+"="+path)
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
	_, rest, found := bytes.Cut(out, []byte("peak "))
	require.True(t, found, "%s", out)
	number, _, _ := strings.Cut(string(rest), " ")
	peak, err := strconv.ParseInt(number, 10, 64)
	require.NoError(t, err)
	return peak
}

// TestMeasured is the process that peakMemory starts.
func TestMeasured(t *testing.T) {
	path := os.Getenv(measuredText)
	if path == "" {
		t.Skip("another test runs this one in a process of its own")
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	debug.SetGCPercent(20) // as the command does
	peak, stop, done := int64(0), make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			peak = max(peak, anonymous(t))
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	split := fmt.Sprintf("%d/10000/10000", info.Size()-20_000)
	err = run(t.Context(), tiny(path, t.TempDir(), "-steps", "30", "-split", split), io.Discard, nil)
	close(stop)
	<-done
	require.NoError(t, err)
	fmt.Printf("peak %d kB\n", peak)
}

// anonymous is the process's RssAnon in kB.
func anonymous(t *testing.T) int64 {
	status, err := os.ReadFile("/proc/self/status")
	assert.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	line, _, _ := strings.Cut(rest, "\n")
	kB, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 10, 64)
	assert.NoError(t, err)
	return kB
}
