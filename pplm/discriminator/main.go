package main

import (
	"context"
	"errors"
	"io"

	_ "github.com/tiller-ml/tiller/backend/cpu"
	_ "github.com/tiller-ml/tiller/backend/cublas"
	"github.com/tiller-ml/tiller/internal/command"
)

func main() { command.Main("discriminator", run) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	s := defaults()
	if err := s.flags().Parse(args, stdout); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return command.Usagef("%w", err)
	}
	b, err := s.machine.Open()
	if err != nil {
		return err
	}
	defer b.Close()
	m, err := s.lm.Open(b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Free()) }()
	if s.predict != "" {
		return s.classify(ctx, m, stdin, stdout, stderr)
	}
	t := &training{settings: s, b: b, model: m, stdout: stdout, stderr: stderr}
	return t.run(ctx)
}
