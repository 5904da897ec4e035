//go:build unix

package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asProgram makes the test binary the program itself.
const asProgram = "TILLER_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process is one of the program.
func process(t *testing.T, args ...string) *exec.Cmd {
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// status runs the program and returns its exit status and output.
func status(t *testing.T, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	cmd := process(t, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil {
		require.ErrorAs(t, err, &exit)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestProgram(t *testing.T) {
	data := text(t, 2000)

	code, stdout, stderr := status(t, "-h")
	assert.Equal(t, 0, code)
	assert.Empty(t, stderr)
	for _, word := range []string{"emsize", "Examples:", "Learning rate:", "(default 10)", "-threads"} {
		assert.Contains(t, stdout, word)
	}

	code, _, stderr = status(t, "-emsise", "3")
	assert.Equal(t, 2, code)
	assert.Equal(t, "train: no flag -emsise; did you mean -emsize? (-h lists them)\n", stderr)

	code, _, stderr = status(t, "-data", "absent.txt")
	assert.Equal(t, 1, code)
	assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)

	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		dir := t.TempDir()
		cmd := process(t, tiny(data, dir, "-steps", "100000000")...)
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
		require.NoError(t, verify(newest(t, dir)))

		code, _, stderr := status(t, "-resume", dir, "-steps", "1")
		assert.Equal(t, 0, code, stderr)
	}
}
