package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/tiller-ml/tiller/sharnn/internal/chart"
	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// What is made of the log, in the run's folder.
const (
	tableFile = "log.csv"
	curveFile = "curve" // with .png and .svg
)

// drawingShare is how many times as long as a drawing took there is none after it.
const drawingShare = 50

// pictures is when the log was last drawn, and how long that took.
type pictures struct {
	drawn time.Time
	took  time.Duration
}

// drawNowAndThen draws the log, unless that has just taken some of the time.
func (t *trainer) drawNowAndThen() {
	if time.Since(t.pictures.drawn) >= drawingShare*t.pictures.took {
		t.draw()
	}
}

// draw makes the pictures and the table of the log. The run does not depend on
// them: a fault is a warning.
func (t *trainer) draw() {
	start := time.Now()
	lines, err := t.readLog()
	if err == nil {
		err = errors.Join(t.writeTable(lines), t.drawCurves(lines))
	}
	if err != nil {
		t.report.printf("warning: the log is not drawn: %v", err)
	}
	t.pictures = pictures{time.Now(), time.Since(start)}
}

// readLog reads the log back, if it is a file and not a pipe.
func (t *trainer) readLog() ([]runlog.Line, error) {
	info, err := os.Stat(t.logPath())
	if err != nil || !info.Mode().IsRegular() {
		return nil, err
	}
	return runlog.Read(t.logPath())
}

func (t *trainer) writeTable(lines []runlog.Line) error {
	return safetensors.WriteAtomic(filepath.Join(t.out, tableFile), func(w io.Writer) error { return runlog.WriteCSV(w, lines) })
}

// drawCurves also turns a panic into an error: a picture is not to end a run of a
// week.
func (t *trainer) drawCurves(lines []runlog.Line) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("drawing: %v", p)
		}
	}()
	name := filepath.Base(t.out)
	for _, ending := range []string{".png", ".svg"} {
		path := filepath.Join(t.out, curveFile+ending)
		err = errors.Join(err, chart.Curves(path, name, []chart.Run{{Name: name, Lines: lines}}))
	}
	return err
}
