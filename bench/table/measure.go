package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/perf/benchfmt"
)

// script drives the libraries that are not ours.
const script = "bench/reference.py"

// A measurer runs jobs and keeps their results.
type measurer struct {
	python   string // interpreter of script; empty: none
	here     map[string]bool
	count    int
	each     time.Duration // that a benchmark is measured at least
	temp     string
	binaries map[string]string // of test packages
	results  results
	cpu      string
	progress io.Writer
	raw      io.Writer
}

// probe asks the script which libraries are here, and returns its lines.
func (m *measurer) probe(ctx context.Context) ([]string, error) {
	c := exec.CommandContext(ctx, m.python, script, "probe")
	c.Stderr = m.progress
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("asking %s for libraries: %w", m.python, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, l := range lines {
		if name, _, ok := strings.Cut(l, ":"); ok {
			m.here[name] = true
		}
	}
	return lines, nil
}

// measure runs what is missing of a row, its jobs in turn in each round.
func (m *measurer) measure(ctx context.Context, r row) error {
	var missing []job
	for _, j := range r.jobs(m.here) {
		if len(m.results[j]) < m.count {
			missing = append(missing, j)
		}
	}
	for round := 1; round <= m.count; round++ {
		for _, j := range missing {
			v, err := m.run(ctx, j)
			if err != nil {
				return fmt.Errorf("%s with %s: %w", j.name(), j.library, err)
			}
			m.results[j] = append(m.results[j], v)
			fmt.Fprintf(m.progress, "%d/%d  %-8s %-52s", round, m.count, j.library, j.name())
			if x := v[r.metric.unit]; r.base.name == "" {
				fmt.Fprintf(m.progress, " %8s %s", number(x*r.metric.scale), r.metric.shown)
			} else {
				fmt.Fprintf(m.progress, " %8s ms", number(1e3*v[millis.unit]))
			}
			fmt.Fprintln(m.progress)
		}
	}
	return nil
}

// run is one process, killed when ctx is cancelled.
func (m *measurer) run(ctx context.Context, j job) (values, error) {
	var c *exec.Cmd
	if j.library == ours {
		binary, err := m.build(ctx, j.bench.pkg)
		if err != nil {
			return nil, err
		}
		c = exec.CommandContext(ctx, binary, "-test.run=^$", "-test.bench="+j.pattern(),
			"-test.benchtime="+m.each.String(), "-test.cpu="+strconv.Itoa(j.threads))
	} else {
		c = exec.CommandContext(ctx, m.python, script, "-seconds", fmt.Sprint(m.each.Seconds()), j.library, j.name())
	}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	fmt.Fprintf(m.raw, "library: %s\n%s", j.library, out)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return m.parse(out)
}

// build compiles a package's tests, once.
func (m *measurer) build(ctx context.Context, pkg string) (string, error) {
	if b := m.binaries[pkg]; b != "" {
		return b, nil
	}
	binary := filepath.Join(m.temp, fmt.Sprint(len(m.binaries))+".test")
	fmt.Fprintln(m.progress, "building", pkg)
	c := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, pkg)
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the tests of %s: %w: %s", pkg, err, out)
	}
	m.binaries[pkg] = binary
	return binary, nil
}

// parse reads the one result of a benchmark's output.
func (m *measurer) parse(out []byte) (values, error) {
	r := benchfmt.NewReader(bytes.NewReader(out), "benchmark")
	var found values
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, rec
		case *benchfmt.Result:
			if found != nil {
				return nil, errors.New("more than one benchmark ran")
			}
			if name := rec.GetConfig("cpu"); name != "" {
				m.cpu = name
			}
			found = values{}
			for _, v := range rec.Values {
				found[v.Unit] = v.Value
			}
		}
	}
	if found == nil && r.Err() == nil {
		return nil, errors.New("no such benchmark")
	}
	return found, r.Err()
}

// newMeasurer makes a place for test binaries, which close removes.
func newMeasurer(progress, raw io.Writer) (*measurer, error) {
	temp, err := os.MkdirTemp("", "table")
	if err != nil {
		return nil, fmt.Errorf("making a folder for test binaries: %w", err)
	}
	return &measurer{
		here: map[string]bool{}, temp: temp, binaries: map[string]string{}, results: results{}, progress: progress, raw: raw,
	}, nil
}

func (m *measurer) close() error { return os.RemoveAll(m.temp) }
