//go:build unix

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func build(t *testing.T) string {
	binary := filepath.Join(t.TempDir(), "train")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}

// status runs the program and returns its exit status and output.
func status(t *testing.T, binary string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil {
		require.ErrorAs(t, err, &exit)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestProgram(t *testing.T) {
	binary, data := build(t), text(t, 2000)

	code, stdout, stderr := status(t, binary, "-h")
	assert.Equal(t, 0, code)
	assert.Empty(t, stderr)
	for _, word := range []string{"emsize", "Examples:", "Learning rate:", "(default 10)", "-threads"} {
		assert.Contains(t, stdout, word)
	}

	code, _, stderr = status(t, binary, "-emsise", "3")
	assert.Equal(t, 2, code)
	assert.Equal(t, "train: no flag -emsise; did you mean -emsize? (-h lists them)\n", stderr)

	code, _, stderr = status(t, binary, "-data", "absent.txt")
	assert.Equal(t, 1, code)
	assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)

	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		dir := t.TempDir()
		cmd := exec.Command(binary, tiny(data, dir, "-steps", "100000000")...)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		pipe, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		var rest []string
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "step 5/") {
				require.NoError(t, cmd.Process.Signal(sig))
			}
			rest = append(rest, lines.Text())
		}
		require.Error(t, cmd.Wait())
		assert.Equal(t, 1, cmd.ProcessState.ExitCode())
		assert.Equal(t, "train: interrupted\n", errs.String())
		require.Equal(t, "  go run ./sharnn/train -resume "+dir, rest[len(rest)-1])
		require.NoError(t, verify(filepath.Join(dir, "last")))

		code, _, stderr := status(t, binary, "-resume", dir, "-steps", "1")
		assert.Equal(t, 0, code, stderr)
	}
}

// A run that is killed, be it while it saves, goes on as if it had not been.
func TestKilled(t *testing.T) {
	binary, data, whole, dir := build(t), text(t, 2000), t.TempDir(), t.TempDir()
	args := []string{"-steps", "80", "-eval-interval", "30", "-save-interval", "1"}
	want, _ := train(t, tiny(data, whole, args...)...)

	next := tiny(data, dir, args...)
	for i := range 6 {
		cmd := exec.Command(binary, next...)
		pipe, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		for lines, n := bufio.NewScanner(pipe), 0; lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "step ") {
				n++
			}
			if n == 5 {
				time.Sleep(time.Duration(700*i) * time.Microsecond)
				require.NoError(t, cmd.Process.Kill())
				break
			}
		}
		require.Error(t, cmd.Wait())
		next = []string{"-resume", dir}
	}
	train(t, next...)
	assert.Equal(t, timeless(want), timeless(readLog(t, filepath.Join(dir, "log.jsonl"))))
	requireSameFiles(t, whole, dir, tensors...)
}
