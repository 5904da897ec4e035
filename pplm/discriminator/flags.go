package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm/head/dataset"
	"github.com/tiller-ml/tiller/pplm/internal/attributes"
	"github.com/tiller-ml/tiller/pplm/internal/models"
)

// program is how this command is called.
const program = "go run ./pplm/discriminator"

type settings struct {
	lm models.Choice

	dataset, path, class string
	share                float64
	compat               bool

	epochs, batch, logInterval int
	rate                       float64
	seed                       uint64

	save, cached bool
	output       string

	head, predict string
	machine       command.Backend
}

func defaults() settings {
	return settings{
		dataset: "generic", share: 0.1,
		epochs: 10, batch: 64, rate: 0.0001, logInterval: 10, seed: 1,
		save: true, output: ".",
	}
}

func (s *settings) flags() *command.Flags {
	f := command.NewFlags(program,
		"Trains a discriminator on labelled texts, as a linear classifier of a language model's mean hidden state, or classifies texts with one.",
		program+" -model gpt2-medium -dataset generic -dataset_fp reviews.tsv",
		program+" -model gpt2-medium -dataset SST -dataset_fp trees -cached",
		program+` -model gpt2-medium -head generic_classifier_head -predict "What a film!"`)
	s.lm.Flags(f)
	g := f.Group("Texts")
	g.Add(&s.dataset, "dataset", "the `kind` of dataset: generic (rows of a class, a tab and a text), SST (the folder with train.txt and test.txt of the sentiment treebank), clickbait, or toxic (the reference's lines, or Kaggle's .csv)")
	g.Add(&s.path, "dataset_fp", "its `file`, or the folder of SST")
	g.Add(&s.share, "test_share", "share of the texts that is tested on instead of learnt from, drawn at random; SST has its own test texts")
	g.Add(&s.class, "default_class", "the `class` that steering is towards where none is named; none: the dataset's own, or the first")
	g.Add(&s.compat, "compat", `repeats what the reference does wrong: token 0 ("!" of GPT-2) does not count, texts of 100 tokens and more are dropped, and quotes in a TSV are csv's`)
	g = f.Group("Training")
	g.Add(&s.epochs, "epochs", "passes over the texts")
	g.Add(&s.rate, "learning_rate", "of Adam")
	g.Add(&s.batch, "batch_size", "texts in a step")
	g.Add(&s.logInterval, "log_interval", "`batches` between lines about the loss; 0: none")
	g.Add(&s.seed, "seed", "what the first values, the split and the order follow from")
	g = f.Group("Output")
	g.Add(&s.save, "save_model", "saves the head")
	g.Add(&s.output, "output_fp", "the `folder` that it is saved to")
	g.Add(&s.cached, "cached", "keeps the representations in the output folder, and takes them from there")
	g = f.Group("Prediction")
	attributes.HeadFlag(g, &s.head)
	g.Add(&s.predict, "predict", "`text` to classify with it instead of training; - reads texts from standard input, one a line")
	s.machine.Flags(f)
	return f
}

func (s *settings) check() error {
	switch {
	case (s.head == "") != (s.predict == ""):
		return errors.New("-head and -predict belong together")
	case s.predict != "":
		return nil
	case !slices.Contains(dataset.Kinds, s.dataset):
		return fmt.Errorf("unknown -dataset %q: want %s", s.dataset, strings.Join(dataset.Kinds, ", "))
	case s.path == "":
		return errors.New("no texts: name the dataset's file with -dataset_fp")
	case !(s.share >= 0 && s.share < 1):
		return fmt.Errorf("-test_share is %v: want 0 or more, and less than 1", s.share)
	case s.epochs < 1 || s.batch < 1 || s.logInterval < 0:
		return fmt.Errorf("-epochs %d, -batch_size %d, -log_interval %d: want at least 1, 1 and 0", s.epochs, s.batch, s.logInterval)
	case !(s.rate > 0):
		return fmt.Errorf("-learning_rate is %v: want more than 0", s.rate)
	}
	return nil
}
