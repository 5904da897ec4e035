// Pack makes the folder that package books embeds of a run of sharnn/train: the
// model with its matrices in int8, and its vocabulary.
package main

import (
	"context"
	"fmt"
	"io"

	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

func main() {
	command.Main("pack", func(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
		return run(args, stdout)
	})
}

func run(args []string, stdout io.Writer) error {
	var from, to string
	f := command.NewFlags("go run ./pplm/books/pack", "Makes the model that package books embeds of a trained SHA-RNN.",
		"go run ./pplm/books/pack -checkpoint runs/books")
	f.Group("Folders").Add(&from, "checkpoint", "the `folder` that train wrote (its -out)")
	to = "pplm/books/model"
	f.Group("Output").Add(&to, "out", "the `folder` for the packed model")
	if err := f.Parse(args, stdout); err != nil {
		return err
	}
	if from == "" {
		return command.Usagef("no model: name the folder that train wrote with -checkpoint")
	}
	b, err := backend.Open("cpu", backend.Config{})
	if err != nil {
		return err
	}
	defer b.Close()
	m, vocab, err := sharnn.LoadText(b, from, tensor.Int8)
	if err != nil {
		return err
	}
	defer m.Free()
	if err := m.Save(to, vocab, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "packed %d parameters into %s\n", m.Size(), to)
	return err
}
