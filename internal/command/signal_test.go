//go:build unix

package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// childMode makes the test binary a program that waits for signals.
const childMode = "TILLER_COMMAND_TEST"

func TestMain(m *testing.M) {
	mode := os.Getenv(childMode)
	if mode == "" {
		os.Exit(m.Run())
	}
	Main("child", func(ctx context.Context, _ []string, stdin io.Reader, stdout, _ io.Writer) error {
		fmt.Fprintln(stdout, "ready")
		<-ctx.Done()
		if mode == "deaf" {
			fmt.Fprintln(stdout, "still here")
			io.Copy(io.Discard, stdin)
		}
		return ctx.Err()
	})
}

// The first signal cancels; a program that goes on all the same is killed by
// the second.
func TestSignals(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		for _, mode := range []string{"obedient", "deaf"} {
			t.Run(fmt.Sprint(mode, " ", sig), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				child := exec.CommandContext(ctx, os.Args[0])
				child.Env = append(os.Environ(), childMode+"="+mode)
				var errs bytes.Buffer
				child.Stderr = &errs
				stdin, err := child.StdinPipe()
				require.NoError(t, err)
				defer stdin.Close()
				stdout, err := child.StdoutPipe()
				require.NoError(t, err)
				require.NoError(t, child.Start())
				expect(t, stdout, "ready\n")
				require.NoError(t, child.Process.Signal(sig))
				if mode == "deaf" {
					expect(t, stdout, "still here\n")
					require.NoError(t, child.Process.Signal(sig))
				}
				var exit *exec.ExitError
				require.ErrorAs(t, child.Wait(), &exit)
				status := exit.Sys().(syscall.WaitStatus)
				if mode == "deaf" {
					assert.True(t, status.Signaled() && status.Signal() == sig, "it ended otherwise: %v", exit)
					return
				}
				assert.Equal(t, 1, status.ExitStatus())
				assert.Equal(t, "child: interrupted\n", errs.String())
			})
		}
	}
}

func expect(t *testing.T, r io.Reader, want string) {
	got := make([]byte, len(want))
	_, err := io.ReadFull(r, got)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}
