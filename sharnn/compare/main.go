package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/sharnn/internal/chart"
)

// program is how this command is called.
const program = "go run ./sharnn/compare"

type settings struct {
	out  string
	runs []string
}

func main() { command.Main("compare", compare) }

func (s *settings) flags() *command.Flags {
	f := command.NewFlags(program,
		"Lays training runs over each other: their curves in one picture, and a table of what they have come to and in which settings they differ. DIR is a folder that train wrote (its -out), or a log file of its.",
		program+" runs/book runs/large",
		program+" -o curves.svg runs/*")
	f.Operands(&s.runs, "DIR")
	g := f.Group("Picture")
	g.Add(&s.out, "o", "the `file` to draw, .png or .svg: bits per byte in training and validation against tokens and against time")
	return f
}

func compare(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	s := settings{out: "compare.png"}
	if err := s.flags().Parse(args, stdout); err != nil {
		return err
	}
	if len(s.runs) == 0 {
		return command.Usagef("no run to compare: name folders that train wrote")
	}
	if err := chart.CheckPath(s.out); err != nil {
		return command.Usagef("-o %w", err)
	}
	runs, err := readRuns(s.runs)
	if err != nil {
		return err
	}
	if err := draw(s.out, runs); err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, table(runs)); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	return nil
}

// draw makes the picture of the runs.
func draw(path string, runs []*run) error {
	var curves []chart.Run
	lines := 0
	for _, r := range runs {
		curves = append(curves, chart.Run{Name: r.name, Lines: r.lines})
		lines += len(r.lines)
	}
	if lines == 0 {
		return errors.New("there is nothing to draw: the logs have no line yet")
	}
	title := runs[0].name
	if len(runs) > 1 {
		title = fmt.Sprintf("%d runs", len(runs))
	}
	return chart.Curves(path, title, curves)
}
