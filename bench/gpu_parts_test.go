//go:build gpucheck

package bench

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/testdata/golden"
)

// runPart runs the test or benchmark that -part names.
func runPart(m *testing.M) int {
	name, within, _ := strings.Cut(*part, "/")
	pattern := "^" + name + "$"
	if within != "" {
		pattern += "/" + within
	}
	flags := map[string]string{"test.v": "true", "test.run": "^$", "test.bench": pattern}
	if strings.HasPrefix(name, "Test") {
		flags["test.run"], flags["test.bench"] = pattern, ""
	}
	for flagName, value := range flags {
		if err := flag.Set(flagName, value); err != nil {
			panic(err)
		}
	}
	return m.Run()
}

// session is one run of the whole program.
type session struct {
	executable string
	wanted     *regexp.Regexp // names of parts
	within     string         // what is picked from within them; empty: all
	out        io.Writer      // the terminal, the report and text
	text       bytes.Buffer   // all that was printed
	failed     []string       // parts
}

// check is the whole program.
func check() error {
	b, err := openGPU()
	if err != nil {
		return err
	}
	described := describe(b)
	if err := b.Close(); err != nil {
		return err
	}
	remove, err := unpack()
	if err != nil {
		return err
	}
	defer remove()
	file, err := os.Create(*report)
	if err != nil {
		return err
	}
	defer file.Close()
	s := &session{}
	head, within, _ := strings.Cut(*groups, "/")
	if s.wanted, err = regexp.Compile(head); err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	s.within = within
	if s.executable, err = os.Executable(); err != nil {
		return err
	}
	s.out = io.MultiWriter(os.Stdout, file, &s.text)
	fmt.Fprintf(s.out, "gpu-check, %s\n%s\n", time.Now().UTC().Format("2006-01-02 15:04 MST"), described)
	if err := s.runParts(); err != nil {
		return err
	}
	if *python != "" && s.wanted.MatchString("PyTorch") {
		compareWithPyTorch(s.out)
	}
	s.printTable()
	fmt.Println("\nall that was printed is in", *report)
	if len(s.failed) > 0 {
		return fmt.Errorf("%d parts failed", len(s.failed))
	}
	return file.Close()
}

// describe is the backend's account of its device and libraries.
func describe(b backend.Backend) string { return b.(interface{ Describe() string }).Describe() }

// unpack puts the reference's numbers where package golden finds them.
func unpack() (remove func(), err error) {
	dir, err := os.MkdirTemp("", "gpu-check")
	if err != nil {
		return nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	err = errors.Join(os.CopyFS(dir, golden.Files), os.Setenv("TILLER_GOLDEN", dir))
	if err != nil {
		remove()
		return nil, fmt.Errorf("unpacking the reference's numbers: %w", err)
	}
	return remove, nil
}

// runParts runs each test and benchmark that is asked for.
func (s *session) runParts() error {
	names, err := exec.Command(s.executable, "-part", "none", "-test.list", "^(Test|Benchmark)GPU").Output()
	if err != nil {
		return fmt.Errorf("listing the tests: %w", err)
	}
	for name := range strings.FieldsSeq(string(names)) {
		if !s.wanted.MatchString(name) {
			continue
		}
		if s.within != "" {
			name += "/" + s.within
		}
		fmt.Fprintf(s.out, "\n=== %s\n", name)
		start := time.Now()
		if err := s.run(name); err != nil {
			s.failed = append(s.failed, fmt.Sprintf("%s: %v", name, err))
		}
		fmt.Fprintf(s.out, "(%.1f s)\n", time.Since(start).Seconds())
	}
	return nil
}

// run runs one test or benchmark in a process of its own, with the options of the
// testing package that this process was given.
func (s *session) run(name string) error {
	args := []string{"-part", name, fmt.Sprintf("-quick=%v", *quick)}
	flag.Visit(func(f *flag.Flag) {
		if strings.HasPrefix(f.Name, "test.") {
			args = append(args, fmt.Sprintf("-%s=%s", f.Name, f.Value))
		}
	})
	return runWithin(*limit, s.out, s.executable, args...)
}

// runWithin runs a program, which is killed when the time is over.
func runWithin(limit time.Duration, out io.Writer, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Stdout, c.Stderr = out, out
	err := c.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("not done in %v", limit)
	}
	return err
}
