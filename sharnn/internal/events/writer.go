package events

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Scalar is a number under a name, such as train/loss.
type Scalar struct {
	Tag   string
	Value float64
}

// Mark is a place in a folder's event files: what was written up to it. The zero
// Mark is before all files.
type Mark struct {
	File  string `json:"file"`  // its name in the folder, the last one there is
	Bytes int64  `json:"bytes"` // of the file
}

// Writer is an event file in the making. Where a write fails, what follows would not
// be read: the Writer is then of no use but for its Mark.
type Writer struct {
	file *os.File
	mark Mark
	buf  []byte
}

// prefix begins the name of every event file; the seconds of 1970 that follow,
// ten digits, are the order in which TensorBoard reads a folder's files.
const (
	prefix = "events.out.tfevents."
	suffix = ".tiller"
)

// Create makes an event file in the folder dir, to be read after those that are
// there. What they say of the step from and of later ones is void.
func Create(dir string, from int, now time.Time) (*Writer, error) {
	w := &Writer{}
	err := w.create(dir, now)
	if err == nil {
		err = w.write(versionEvent(now), startEvent(from, now))
	}
	if err != nil {
		return nil, fmt.Errorf("making an event file: %w", err)
	}
	return w, nil
}

// Cut takes back what the event files of the folder dir say after a mark, so that
// it can be said again.
func Cut(dir string, m Mark) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("cutting event files: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, prefix) || !strings.HasSuffix(name, suffix) || name < m.File {
			continue
		}
		if err := cut(filepath.Join(dir, name), name == m.File, m.Bytes); err != nil {
			return fmt.Errorf("cutting event files: %w", err)
		}
	}
	return nil
}

// cut keeps so many bytes of a file, or none of it.
func cut(path string, keep bool, bytes int64) error {
	if !keep {
		return os.Remove(path)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() <= bytes {
		return err
	}
	return os.Truncate(path, bytes)
}

// create opens a file whose name comes after all others.
func (w *Writer) create(dir string, now time.Time) error {
	seconds := now.Unix()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), prefix)
		digits, _, _ := strings.Cut(rest, ".")
		if n, err := strconv.ParseInt(digits, 10, 64); ok && err == nil {
			seconds = max(seconds, n+1)
		}
	}
	for {
		w.mark.File = fmt.Sprintf("%s%010d%s", prefix, seconds, suffix)
		w.file, err = os.OpenFile(filepath.Join(dir, w.mark.File), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		seconds++
	}
}

// Scalars adds numbers of a step.
func (w *Writer) Scalars(step int, wall time.Time, scalars ...Scalar) error {
	return w.write(scalarsEvent(step, wall, scalars))
}

// Text adds a text of a step, which TensorBoard takes for Markdown.
func (w *Writer) Text(step int, wall time.Time, tag, markdown string) error {
	return w.write(textEvent(step, wall, tag, markdown))
}

func (w *Writer) write(events ...*message) error {
	w.buf = w.buf[:0]
	for _, e := range events {
		w.buf = appendRecord(w.buf, *e)
	}
	if _, err := w.file.Write(w.buf); err != nil {
		return fmt.Errorf("writing events: %w", err)
	}
	w.mark.Bytes += int64(len(w.buf))
	return nil
}

// Mark is the place that has been reached.
func (w *Writer) Mark() Mark { return w.mark }

// Sync puts what was written on the disk.
func (w *Writer) Sync() error { return w.file.Sync() }

// Close ends the file.
func (w *Writer) Close() error { return w.file.Close() }
