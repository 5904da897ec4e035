package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/tiller-ml/tiller/internal/command"
)

// program is how this command is called.
const program = "go run ./bench/table"

type settings struct {
	run    string
	count  int
	each   time.Duration
	quick  bool
	python string
	out    string
}

func main() { command.Main("table", run) }

func (s *settings) flags() *command.Flags {
	*s = settings{count: 5, each: time.Second, out: "bench/out"}
	f := command.NewFlags(program,
		"Runs the benchmarks and prints them as one table, with goals. Call it in the repository's root, on a machine that does nothing else.",
		program, program+" -run 'sgemm|LSTM'", program+" -python python3")
	g := f.Group("Work")
	g.Add(&s.run, "run", "only the rows whose work this `regexp` matches; none: all")
	g.Add(&s.count, "count", "`times` that each is measured: the table has medians")
	g.Add(&s.each, "each", "the least `time` of one measurement")
	g.Add(&s.quick, "quick", "each once and for a tenth of a second: to see that all runs, not how fast")
	g = f.Group("Reference")
	g.Add(&s.python, "python", "the `interpreter` with which bench/reference.py runs OpenBLAS and PyTorch, in turn with ours; none: ours alone")
	g = f.Group("Output")
	g.Add(&s.out, "out", "the `folder` for table.md and the raw results in raw.txt")
	return f
}

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) (err error) {
	var s settings
	if err := s.flags().Parse(args, stdout); err != nil {
		return err
	}
	if s.quick {
		s.count, s.each = 1, time.Second/10
	}
	if s.count < 1 {
		return command.Usagef("-count is %d: want at least 1", s.count)
	}
	chosen, err := s.rows()
	if err != nil {
		return err
	}
	if _, err := os.Stat(script); err != nil {
		return fmt.Errorf("call this in the repository's root: %w", err)
	}
	if err := os.MkdirAll(s.out, 0o777); err != nil {
		return fmt.Errorf("making the folder for results: %w", err)
	}
	raw, err := os.Create(filepath.Join(s.out, "raw.txt"))
	if err != nil {
		return fmt.Errorf("making the file of raw results: %w", err)
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	m, err := newMeasurer(stderr, raw)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	m.count, m.each, m.python = s.count, s.each, s.python
	return s.report(ctx, m, chosen, stdout)
}

// rows are those that -run chooses.
func (s *settings) rows() ([]row, error) {
	re, err := regexp.Compile(s.run)
	if err != nil {
		return nil, command.Usagef("-run: %w", err)
	}
	var chosen []row
	for _, r := range rows() {
		if re.MatchString(r.work) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 {
		return nil, command.Usagef("-run: no row matches %q", s.run)
	}
	return chosen, nil
}

// report measures the rows and writes the table, as far as it came.
func (s *settings) report(ctx context.Context, m *measurer, chosen []row, stdout io.Writer) error {
	about := machine{load: [2]string{loadAverage()}}
	if m.python != "" {
		var err error
		if about.libraries, err = m.probe(ctx); err != nil {
			return err
		}
	}
	var failed error
	for _, r := range chosen {
		if failed = m.measure(ctx, r); failed != nil {
			break
		}
	}
	about.cpu, about.load[1] = m.cpu, loadAverage()
	var lines []line
	for _, r := range chosen {
		lines = append(lines, lineOf(r, m.results))
	}
	var text bytes.Buffer
	about.print(&text)
	printTable(&text, lines)
	err := os.WriteFile(filepath.Join(s.out, "table.md"), text.Bytes(), 0o666)
	_, failedPrint := stdout.Write(text.Bytes())
	return errors.Join(failed, err, failedPrint)
}
