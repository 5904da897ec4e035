//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
)

// fullDisk is set in the process whose files may not grow. It is one of its own,
// since the limit also holds for what package testing writes.
const fullDisk = "TILLER_TEST_FULL_DISK"

// The system refuses bytes midway, as a full disk does: a limit on the length
// of files stands in for one, since it needs no rights.
func TestFullDiskKeepsTheOldSave(t *testing.T) {
	if os.Getenv(fullDisk) == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestFullDiskKeepsTheOldSave$")
		c.Env = append(os.Environ(), fullDisk+"=1")
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	data, whole, dir := text(t, 2000), t.TempDir(), t.TempDir()
	args := []string{"-steps", "12", "-eval-interval", "100", "-save-interval", "4", "-emsize", "64", "-nhid", "256"}
	want, _ := train(t, tiny(data, whole, args...)...)

	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	var old unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &old))
	err := run(t.Context(), tiny(data, dir, args...), &bytes.Buffer{}, func(_ *trainer, l runlog.Line) {
		if l.Step == 7 {
			short := old
			short.Cur = 1 << 18
			require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &short))
		}
	})
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &old))
	require.ErrorIs(t, err, unix.EFBIG)
	assert.ErrorContains(t, err, "saving the run")
	assert.NotContains(t, err.Error(), "\n")
	assert.NoDirExists(t, filepath.Join(dir, saveTemp))

	got, _ := train(t, "-resume", dir)
	assert.Equal(t, timeless(want[4:]), timeless(got))
}
