package main

import (
	"context"
	"io"

	_ "github.com/tiller-ml/tiller/backend/cpu"
	_ "github.com/tiller-ml/tiller/backend/cublas"
	"github.com/tiller-ml/tiller/internal/command"
)

func main() {
	command.Main("train", func(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
		return run(ctx, args, stdout, nil)
	})
}
