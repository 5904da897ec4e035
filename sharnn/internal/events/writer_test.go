package events

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/sharnn/internal/events/eventstest"
)

var noon = time.Unix(1_800_000_000, 250_000_000)

// session writes a run's losses at some steps, with a text at the last.
func session(t *testing.T, dir string, from int, note string, steps ...int) {
	w, err := Create(dir, from, noon)
	require.NoError(t, err)
	for i, step := range steps {
		wall := noon.Add(time.Duration(step) * time.Second)
		require.NoError(t, w.Scalars(step, wall, Scalar{"train/loss", float64(step) / 4}, Scalar{"lr", 0.5}))
		if i == len(steps)-1 {
			require.NoError(t, w.Text(step, wall, "sample", note))
		}
	}
	require.NoError(t, w.Sync())
	require.NoError(t, w.Close())
}

func names(t *testing.T, dir string) []string {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// Files that are made within a second, or after a clock was put back, still come
// in order.
func TestNamesAreInOrder(t *testing.T) {
	dir := t.TempDir()
	for _, now := range []time.Time{noon, noon, noon.Add(-time.Hour), noon.Add(time.Hour)} {
		w, err := Create(dir, 0, now)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	assert.Equal(t, []string{
		"events.out.tfevents.1800000000.tiller", "events.out.tfevents.1800000001.tiller",
		"events.out.tfevents.1800000002.tiller", "events.out.tfevents.1800003600.tiller",
	}, names(t, dir))
}

func TestCreateFails(t *testing.T) {
	_, err := Create(filepath.Join(t.TempDir(), "none"), 0, noon)
	assert.ErrorContains(t, err, "making an event file: open ")
}

// What was written after a mark is gone, in its file and in later ones; what is not
// ours stays.
func TestCut(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "events.out.tfevents.1900000000.host")
	require.NoError(t, os.WriteFile(foreign, nil, 0o666))
	w, err := Create(dir, 1, noon)
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, w.Scalars(1, noon, Scalar{"lr", 1}))
	m := w.Mark()
	require.NoError(t, w.Scalars(2, noon, Scalar{"lr", 2}))
	session(t, dir, 2, "lost", 2)
	require.Len(t, eventstest.Files(t, dir).Scalars["lr"], 3)

	require.NoError(t, Cut(dir, m))
	want := map[string][]eventstest.Scalar{"lr": {{Step: 1, Value: 1, Wall: 1_800_000_000.25}}}
	assert.Equal(t, want, eventstest.Files(t, dir).Scalars)
	require.NoError(t, Cut(dir, m), "twice")
	require.NoError(t, Cut(dir, Mark{m.File, m.Bytes + 1}), "what was there is gone")
	assert.Equal(t, want, eventstest.Files(t, dir).Scalars)

	require.NoError(t, Cut(dir, Mark{}))
	assert.Equal(t, []string{filepath.Base(foreign)}, names(t, dir))
	assert.ErrorContains(t, Cut(filepath.Join(dir, "none"), m), "cutting event files: open ")
}

// A run that is killed in the middle of a record at step 4, and resumed after
// step 2, is one run to TensorBoard.
func TestTensorBoard(t *testing.T) {
	dir := t.TempDir()
	session(t, dir, 0, "    first\n", 1, 2)
	session(t, dir, 3, "lost", 3, 4)
	last := filepath.Join(dir, names(t, dir)[1])
	file, err := os.ReadFile(last)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(last, file[:len(file)-5], 0o666))
	session(t, dir, 3, "\u00fcber", 3, 4, 5)

	log := eventstest.Read(t, dir)
	var losses, rates []eventstest.Scalar
	for step := 1; step <= 5; step++ {
		wall := 1_800_000_000.25 + float64(step)
		losses = append(losses, eventstest.Scalar{Step: step, Value: float64(step) / 4, Wall: wall})
		rates = append(rates, eventstest.Scalar{Step: step, Value: 0.5, Wall: wall})
	}
	assert.Equal(t, map[string][]eventstest.Scalar{"train/loss": losses, "lr": rates}, log.Scalars)
	assert.Equal(t, map[string][]eventstest.Text{"sample": {{Step: 2, Text: "    first\n"}, {Step: 5, Text: "\u00fcber"}}}, log.Texts)
}
