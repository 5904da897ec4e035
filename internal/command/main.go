package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/tiller-ml/tiller/tensor"
)

// Run is a program: what it does with its arguments (without its own name) and
// streams. Long work ends soon after ctx is cancelled.
type Run func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error

// The exit statuses.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// garbage is how much of it, in per cent of what is in use, makes the collector
// run. Weights fill the heap, and what a step or a token leaves behind is small:
// at Go's 100 a process would come to hold its model twice.
const garbage = 20

// Main runs a program and ends the process: with status 0, with 2 for a mistake
// in the arguments, else with 1. An error is printed as one line that begins
// with name. The first SIGINT or SIGTERM cancels the context, the second kills.
func Main(name string, run Run) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals) // before the program hears of it, so that the next one kills
		cancel()
	}()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	os.Exit(execute(ctx, name, run, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func execute(ctx context.Context, name string, run Run, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := catch(ctx, run, args, stdin, stdout, stderr)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	message := oneLine(err.Error())
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		message = "interrupted"
	}
	fmt.Fprintf(stderr, "%s: %s\n", name, message)
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitError
}

// catch turns a panic about tensors into an error; others pass.
func catch(ctx context.Context, run Run, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	defer tensor.Catch(&err)
	return run(ctx, args, stdin, stdout, stderr)
}

// oneLine joins the lines of a message, which joined errors have, by semicolons.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// Terminal tells whether w is a terminal, where progress bars make sense.
func Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// usageError is a mistake in the arguments.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// Usagef is an error for which the program exits with status 2.
func Usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}
