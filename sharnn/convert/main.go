package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/internal/command"
)

// program is how this command is called.
const program = "go run ./sharnn/convert"

// extensions are those of state dicts.
var extensions = []string{".pt", ".pth", ".bin", safetensorsExt}

const safetensorsExt = ".safetensors"

type settings struct {
	from, out         string
	force             bool
	data, words, like string
	criterion, splits string
	mem, heads        int
	residual, quirk   bool
	given             func(name string) bool // tells whether a flag was set
}

func main() { command.Main("convert", run) }

func (s *settings) flags() *command.Flags {
	f := command.NewFlags(program,
		"Carries the weights of a SHA-RNN in and out of PyTorch: makes a model's folder of a state dict of the reference's model, or a state dict that the reference's modules load of a model's folder. docs/pytorch.md tells how to make and load state dicts in Python.",
		program+" -from state.pt -o runs/theirs -data data/enwik8",
		program+" -from state.safetensors -o runs/theirs -like runs/mine",
		program+" -from runs/book -o state.pt")
	g := f.Group("Conversion")
	g.Add(&s.from, "from", "a `file`, a state dict of torch.save (.pt) or of safetensors, to make a folder of; or a folder that train wrote, to make a state dict of")
	g.Add(&s.out, "o", "the `folder` or file to make; of a file the name says the format: .pt, .pth and .bin are PyTorch's, .safetensors is the other")
	g.Add(&s.force, "force", "replaces what is there. Of a folder the model's files are replaced, others stay")
	g = f.Group("Vocabulary")
	g.Add(&s.data, "data", "the `folder` with the train.txt that the reference's program was given as its --data, or that file: it numbers the symbols. Without this and -words a model made of a state dict is over bare ids, and a state dict's rows are in the order of the model's own symbols")
	g.Add(&s.words, "words", "instead of -data, a `file` with the reference's dictionary (corpus.dictionary.idx2word), a word a line")
	g = f.Group("What a state dict does not tell")
	g.Add(&s.like, "like", "a model's `folder` that gives the settings below, and the vocabulary in its own order, where these are not given here: the one that the state dict was made of, say")
	g.Add(&s.mem, "mem", "`positions` that the attention sees, its own segment included: the reference's num_max_positions")
	g.Add(&s.heads, "heads", "attention heads: the reference's num_heads")
	g.Add(&s.residual, "residual", "blocks add the LSTM's output to its input: the reference's residual, which it leaves off")
	g.Add(&s.quirk, "memory_quirk", "trims the memory as the reference's m[-maxmem:] does: a segment as long as the memory keeps all of it. It matters to segments of -mem symbols and more alone")
	g.Add(&s.criterion, "criterion", "the `file` with the state dict of the reference's criterion, which has tensors where the vocabulary is large; default: NAME.criterion.pt beside NAME.pt, if it is there")
	g.Add(&s.splits, "splits", "`symbols` at which the criterion's groups begin, as in 2800,20000,76000. auto: those that the reference takes for a vocabulary of this size; none: one softmax over all")
	return f
}

func defaults() settings { return settings{mem: 5000, heads: 1, splits: autoSplits} }

func run(ctx context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
	s := defaults()
	f := s.flags()
	if err := f.Parse(args, stdout); err != nil {
		return err
	}
	s.given = f.Given
	if s.from == "" || s.out == "" {
		return command.Usagef("name what to convert with -from and what to make with -o: a state dict (say state.pt) and a model's folder, or the other way round")
	}
	info, err := os.Stat(s.from)
	if err != nil {
		return fmt.Errorf("converting: %w", err)
	}
	if info.IsDir() {
		return s.toFile(ctx, stdout)
	}
	return s.toFolder(ctx, stdout)
}

// checkFile tells what is wrong with the flags for making a state dict.
func (s *settings) checkFile() error {
	for _, name := range []string{"like", "mem", "heads", "residual", "memory_quirk", "criterion", "splits"} {
		if s.given(name) {
			return command.Usagef("-%s: the folder %s has that already", name, s.from)
		}
	}
	if !namesFile(s.out) {
		return command.Usagef("-o %s: %s is a folder, of which a file is made: end its name in one of %s", s.out, s.from, strings.Join(extensions, ", "))
	}
	if info, err := os.Stat(s.out); err == nil && info.IsDir() {
		return command.Usagef("-o %s is a folder: name a file", s.out)
	}
	return s.checkNumbering()
}

// checkFolder tells what is wrong with the flags for making a model's folder.
func (s *settings) checkFolder() error {
	if namesFile(s.out) {
		return command.Usagef("-o %s names a file: %s is one, of which a folder is made", s.out, s.from)
	}
	info, err := os.Stat(s.out)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return fmt.Errorf("converting: %w", err)
	case !info.IsDir():
		return command.Usagef("-o %s is a file: name a folder", s.out)
	case !s.force:
		entries, err := os.ReadDir(s.out)
		if err != nil {
			return fmt.Errorf("converting: %w", err)
		}
		if len(entries) > 0 {
			return exists(s.out)
		}
	}
	return s.checkNumbering()
}

func (s *settings) checkNumbering() error {
	if s.data != "" && s.words != "" {
		return command.Usagef("-data and -words both number the symbols: name one of them")
	}
	return nil
}

func exists(path string) error {
	return command.Usagef("%s is there already: name another with -o, or replace it with -force", path)
}

func namesFile(path string) bool {
	return slices.Contains(extensions, strings.ToLower(filepath.Ext(path)))
}
