package command

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

func TestExecute(t *testing.T) {
	plain := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	tests := []struct {
		name   string
		run    func(context.Context) error
		cancel bool
		status int
		stderr string
	}{
		{"success", plain(nil), false, 0, ""},
		{"help", plain(flag.ErrHelp), false, 0, ""},
		{"an error", plain(errors.New("it broke")), false, 1, "demo: it broke\n"},
		{"a usage error", plain(fmt.Errorf("parsing: %w", Usagef("no %d", 5))), false, 2, "demo: parsing: no 5\n"},
		{"errors on several lines", plain(errors.Join(errors.New("a\r\n"), errors.New("b"))), false, 1, "demo: a; b\n"},
		{"a tensor panic", func(context.Context) error { tensor.Panicf("Add", nil, "no"); return nil }, false, 1, "demo: Add: no\n"},
		{"cancelled", func(ctx context.Context) error { return fmt.Errorf("working: %w", ctx.Err()) }, true, 1, "demo: interrupted\n"},
		{"cancelled but done", plain(nil), true, 0, ""},
		{"cancelled and broken", plain(errors.New("disk full")), true, 1, "demo: disk full\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.cancel {
				cancel()
			}
			var out, errs bytes.Buffer
			run := func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
				assert.Equal(t, []string{"-a"}, args)
				_, err := io.Copy(stdout, stdin)
				require.NoError(t, err)
				return tt.run(ctx)
			}
			assert.Equal(t, tt.status, execute(ctx, "demo", run, []string{"-a"}, strings.NewReader("in"), &out, &errs))
			assert.Equal(t, tt.stderr, errs.String())
			assert.Equal(t, "in", out.String())
		})
	}
}

func TestForeignPanicsPass(t *testing.T) {
	run := func(context.Context, []string, io.Reader, io.Writer, io.Writer) error { panic("bug") }
	assert.PanicsWithValue(t, "bug", func() { execute(t.Context(), "demo", run, nil, nil, nil, nil) })
}

func TestTerminal(t *testing.T) {
	assert.False(t, Terminal(&bytes.Buffer{}))
}

func TestBackendFlags(t *testing.T) {
	var opened backend.Config
	backend.Register("demo", func(c backend.Config) (backend.Backend, error) {
		opened = c
		return nil, nil
	})
	tests := []struct {
		args, err string
		threads   int
	}{
		{"-backend demo -threads 3", "", 3},
		{"-backend demo", "", 0},
		{"", `unknown backend "cpu": this program has demo`, 0},
	}
	for _, tt := range tests {
		var b Backend
		f := NewFlags("demo", "")
		b.Flags(f)
		require.NoError(t, f.Parse(strings.Fields(tt.args), nil))
		_, err := b.Open()
		if tt.err != "" {
			assert.EqualError(t, err, tt.err)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, tt.threads, opened.Threads)
	}
}
