package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/sharnn/internal/events/eventstest"
	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
)

// requireDrawn compares the table, the pictures and the event files of a run with its
// log: each line is in each of them, once.
func requireDrawn(t *testing.T, dir string) eventstest.Log {
	lines := readLog(t, filepath.Join(dir, "log.jsonl"))
	want := map[string][]eventstest.Scalar{}
	for _, l := range lines {
		for _, s := range scalars(l) {
			want[s.Tag] = append(want[s.Tag], eventstest.Scalar{Step: l.Step, Value: float64(float32(s.Value))})
		}
	}
	log := eventstest.Files(t, dir)
	requireScalars(t, want, log)

	settled, err := runlog.Read(filepath.Join(dir, "log.jsonl"))
	require.NoError(t, err)
	require.Equal(t, lines, settled, "nothing is in the log twice")
	var table bytes.Buffer
	require.NoError(t, runlog.WriteCSV(&table, lines))
	got, err := os.ReadFile(filepath.Join(dir, "log.csv"))
	require.NoError(t, err)
	require.Equal(t, table.String(), string(got))
	for _, name := range []string{"curve.png", "curve.svg"} {
		require.FileExists(t, filepath.Join(dir, name))
	}
	return log
}

// requireScalars compares scalars but for the time at which they were written.
func requireScalars(t *testing.T, want map[string][]eventstest.Scalar, log eventstest.Log) {
	for _, scalars := range log.Scalars {
		for i := range scalars {
			require.Greater(t, scalars[i].Wall, 1.7e9)
			scalars[i].Wall = 0
		}
	}
	require.Equal(t, want, log.Scalars)
}

func TestPictures(t *testing.T) {
	data, dir := text(t, 2000), filepath.Join(t.TempDir(), "book")
	_, printed := train(t, tiny(data, dir, "-steps", "20", "-eval-interval", "10", "-sample", "30")...)
	assert.NotContains(t, printed, "warning")
	log := requireDrawn(t, dir)
	assert.Len(t, log.Scalars["train/bpc"], 20)
	assert.Len(t, log.Scalars["valid/bpc"], 2)
	assert.Len(t, log.Scalars["test/loss"], 1)
	require.Len(t, log.Texts["sample"], 2)
	assert.Equal(t, 10, log.Texts["sample"][0].Step)
	for line := range strings.Lines(log.Texts["sample"][1].Text) {
		assert.Equal(t, "    ", line[:4])
	}
	picture, err := os.ReadFile(filepath.Join(dir, "curve.svg"))
	require.NoError(t, err)
	for _, want := range []string{">book<", "bits per byte", "seconds", "tokens learnt from", "validation: best "} {
		assert.True(t, strings.Contains(string(picture), want), "the picture does not say %s", want)
	}
	file, err := os.Open(filepath.Join(dir, "log.csv"))
	require.NoError(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	assert.Len(t, rows, 1+23)
}

// Without a log that can be read, or a place for events, a run goes on as ever.
func TestPicturesAreOptional(t *testing.T) {
	data, plain := text(t, 2000), t.TempDir()
	args := []string{"-steps", "12", "-eval-interval", "4"}
	want, _ := train(t, tiny(data, plain, args...)...)

	dir := t.TempDir()
	for _, name := range []string{"log.csv", "curve.png", "curve.svg"} { // folders cannot be replaced by files
		require.NoError(t, os.MkdirAll(filepath.Join(dir, name, "in the way"), 0o777))
	}
	got, printed := train(t, tiny(data, dir, args...)...)
	assert.Equal(t, timeless(want), timeless(got))
	assert.Contains(t, printed, "warning: the log is not drawn: writing "+filepath.Join(dir, "log.csv"))
	requireSameRun(t, plain, dir)

	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(path, []byte("not a log\n"), 0o666))
	got, printed = train(t, tiny(data, t.TempDir(), append(args, "-log", path)...)...)
	assert.Equal(t, timeless(want), timeless(got))
	assert.Contains(t, printed, "warning: the log is not drawn: reading the log: "+path+": line 1: ")

	got, printed = train(t, tiny(data, t.TempDir(), append(args, "-log", os.DevNull)...)...)
	assert.Equal(t, timeless(want), timeless(got))
	assert.NotContains(t, printed, "warning", "it is no file")
}

// A fault of the event file ends it, and nothing else.
func TestEventsEndAtAFault(t *testing.T) {
	data, plain, dir := text(t, 2000), t.TempDir(), t.TempDir()
	want, _ := train(t, tiny(data, plain, "-steps", "12")...)
	var got []runlog.Line
	var out bytes.Buffer
	err := run(t.Context(), tiny(data, dir, "-steps", "12"), &out, func(tr *trainer, l runlog.Line) {
		got = append(got, l)
		if l.Step == 5 && l.Training != nil {
			require.NoError(t, tr.report.board.file.Close())
		}
	})
	require.NoError(t, err)
	assert.Equal(t, timeless(want), timeless(got))
	assert.Equal(t, 1, strings.Count(out.String(), "warning: nothing more for TensorBoard: writing events: "))
	assert.Len(t, eventstest.Files(t, dir).Scalars["train/bpc"], 5)

	// A run that is resumed writes again.
	_, printed := train(t, "-resume", dir, "-steps", "15")
	assert.NotContains(t, printed, "warning")
	var steps []string
	for _, s := range eventstest.Files(t, dir).Scalars["train/lr"] {
		steps = append(steps, fmt.Sprint(s.Step))
	}
	assert.Equal(t, "1 2 3 4 5 13 14 15", strings.Join(steps, " "))
}

// TensorBoard sees a run that was killed and resumed as one.
func TestTensorBoard(t *testing.T) {
	data, dir, held := text(t, 2000), t.TempDir(), t.TempDir()
	args := tiny(data, dir, "-steps", "20", "-eval-interval", "8", "-save-interval", "6", "-sample", "20", "-tokens", "bpe:270")
	err := run(t.Context(), args, &bytes.Buffer{}, func(_ *trainer, l runlog.Line) {
		if l.Step == 16 && l.Split == "" {
			require.NoError(t, os.CopyFS(held, os.DirFS(dir)))
		}
	})
	require.NoError(t, err)
	train(t, "-resume", held)
	want := requireDrawn(t, held)
	log := eventstest.Read(t, held)
	requireScalars(t, want.Scalars, log)
	assert.Equal(t, want.Texts, log.Texts)
	assert.Len(t, log.Scalars["valid/ppl"], 3)
	assert.Len(t, log.Texts["sample"], 3)
}

// A drawing that took a second is not followed by another within fifty.
func TestDrawingTakesAShareOfTheTime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	require.NoError(t, os.WriteFile(path, nil, 0o666))
	tr := &trainer{settings: &settings{out: dir, log: path}, report: report{out: &bytes.Buffer{}}}
	tr.pictures = pictures{drawn: time.Now().Add(-45 * time.Second), took: time.Second}
	tr.drawNowAndThen()
	assert.NoFileExists(t, filepath.Join(dir, "log.csv"))
	tr.pictures.drawn = tr.pictures.drawn.Add(-10 * time.Second)
	tr.drawNowAndThen()
	assert.FileExists(t, filepath.Join(dir, "log.csv"))
	assert.Less(t, tr.pictures.took, time.Second)
}
