//go:build unix

package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor"
)

// TestKilled ends processes of a run with SIGKILL, some of them while they save,
// and compares what comes of it with a run that nobody disturbed.
func TestKilled(t *testing.T) {
	const kills = 12
	data, whole, dir := text(t, 2000), t.TempDir(), t.TempDir()
	want, printed := train(t, everything(data, whole)...)
	require.Contains(t, printed, "at half the rate")
	require.Contains(t, printed, "is skipped")

	args, inSave := everything(data, dir), 0
	for i := range kills {
		random := tensor.Key{Seed: 11, Step: uint32(i)}.Block(0)
		steps, wait := 9+int(random[0]%11), time.Duration(random[1]%4000)*time.Microsecond
		// Other numbers of threads give the same numbers.
		killAfter(t, append(args, "-threads", strconv.Itoa(1+i%2)), steps, wait, i%2 == 0, filepath.Join(dir, saveTemp))
		if _, err := os.Stat(filepath.Join(dir, saveTemp)); err == nil {
			inSave++
		}
		args = []string{"-resume", dir}
	}
	assert.Positive(t, inSave, "none of %d processes was killed while it saved", kills)
	lines, _ := train(t, args...)
	assert.Less(t, len(lines), len(want), "something was done before the last kill")
	assert.Equal(t, timeless(want), timeless(readLog(t, filepath.Join(dir, "log.jsonl"))))
	requireSameRun(t, whole, dir)
	requireDrawn(t, dir)
	assert.NoFileExists(t, filepath.Join(dir, saveTemp))
	saves, err := listSaves(dir)
	require.NoError(t, err)
	assert.Len(t, saves, 3)
}

// killAfter kills the program some time after it has told of so many steps, or,
// where it is to be caught saving, when the file shows that it does.
func killAfter(t *testing.T, args []string, steps int, wait time.Duration, saving bool, file string) {
	cmd := process(t, args...)
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(pipe)
	for n := 0; n < steps && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "step ") {
			n++
		}
	}
	if saving {
		for end := time.Now().Add(time.Second); time.Now().Before(end); {
			if _, err := os.Stat(file); err == nil {
				break
			}
		}
		wait /= 4
	}
	time.Sleep(wait)
	require.NoError(t, cmd.Process.Kill())
	for lines.Scan() {
	}
	require.Error(t, cmd.Wait())
	require.Equal(t, -1, cmd.ProcessState.ExitCode(), "it ended by itself")
}
