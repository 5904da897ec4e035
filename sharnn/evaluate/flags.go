package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// program is how this command is called.
const program = "go run ./sharnn/evaluate"

// referenceBPTT is the segment length of the reference's evaluation.
const referenceBPTT = 1024

type settings struct {
	checkpoint  string
	mem         lengths
	data, split string
	part        string
	bptt, batch int
	json        bool
	attention   string
	weights     string // as given
	dtype       tensor.DType
	machine     command.Backend
}

func (s *settings) flags() *command.Flags {
	f := command.NewFlags(program,
		"Measures a trained SHA-RNN: the exact mean bits per byte of a part of a text, each byte or token but the first predicted once.",
		program+" -checkpoint runs/book",
		program+" -checkpoint runs/book -part valid -mem 0,1000,5000",
		program+" -checkpoint runs/book -data other.txt -json",
		program+" -checkpoint runs/book -attention attention.png")
	g := f.Group("Model")
	g.Add(&s.checkpoint, "checkpoint", "the `folder` that train wrote (its -out)")
	g.Add(&s.mem, "mem", "`positions` that the attention sees, its segment included, or several such numbers for a line each: 0,1000,5000. 0 is no memory: it sees its own segment alone. None: as in training")
	g.Add(&s.weights, "dtype", "`float32, float64, bf16 or int8`: what the weights are read as; none: as they were saved. bf16 and int8 show what rounding them costs")
	g = f.Group("Text")
	g.Add(&s.data, "data", "a `file`, a folder, a .gz or a .zip; not given: the text of the training; empty: the Go standard library's source")
	g.Add(&s.split, "split", "how the text is cut into `parts`, as in train; not given: as in the training")
	g.Add(&s.part, "part", "which `part` of the text: valid or test; none: test, or valid where the split has no test part")
	g = f.Group("Passes")
	g.Add(&s.bptt, "bptt", fmt.Sprintf("`rows` of a segment; 0: as in the training, or %d where that is not known", referenceBPTT))
	g.Add(&s.batch, "batch_size", fmt.Sprintf("`lanes` that are read side by side, each from no past. 1 is exactly the figure of one pass from beginning to end, and slow; 0: as many as leave %d symbols to each, but at most %d", laneSymbols, mostLanes))
	g.Add(&s.json, "json", "prints a JSON object instead of a table")
	g = f.Group("Picture")
	g.Add(&s.attention, "attention", fmt.Sprintf("instead of measuring, draws what the attention looks at into this `file`, .png or .svg: for the last %d symbols of the part, how much each looks at which of those before it; and prints the text around what the last one looks at most", pictured))
	s.machine.Flags(f)
	return f
}

func (s *settings) check() error {
	switch {
	case s.checkpoint == "":
		return errors.New("no model: name the folder that train wrote with -checkpoint")
	case s.part != "" && s.part != "valid" && s.part != "test":
		return fmt.Errorf("unknown part %q: want valid or test", s.part)
	case s.bptt < 0:
		return fmt.Errorf("-bptt is %d: want 1 or more, or 0 for the training's", s.bptt)
	case s.batch < 0:
		return fmt.Errorf("-batch_size is %d: want 1 or more, or 0 for a choice by length", s.batch)
	}
	if err := s.checkAttention(); err != nil {
		return err
	}
	var err error
	if s.dtype, err = sharnn.ParseDType(s.weights); err != nil {
		return fmt.Errorf("-dtype: %w", err)
	}
	if s.split == "" {
		return nil
	}
	return corpus.CheckSplit(s.split)
}

// trained is what train.json says of the text; the rest is of no interest here.
type trained struct {
	Data  *string `json:"data"`
	Split string  `json:"split"`
	BPTT  int     `json:"bptt"`
}

// complete fills in what was not given from the training.
func (s *settings) complete(dataGiven bool) error {
	path := filepath.Join(s.checkpoint, "train.json")
	data, err := os.ReadFile(path)
	var t trained
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t = trained{Split: corpus.AutoSplit, BPTT: referenceBPTT}
	case err != nil:
		return fmt.Errorf("reading the settings of the training: %w", err)
	default:
		if err := json.Unmarshal(data, &t); err != nil {
			return fmt.Errorf("reading the settings of the training: %s: %w", path, err)
		}
	}
	if !dataGiven {
		if t.Data == nil {
			return fmt.Errorf("no text: %s does not name one, give it with -data", path)
		}
		s.data = *t.Data
	}
	if s.split == "" {
		s.split = t.Split
	}
	if s.bptt == 0 {
		s.bptt = t.BPTT
	}
	if s.bptt < 1 {
		return fmt.Errorf("%s: bptt is %d: want at least 1", path, s.bptt)
	}
	return nil
}

// lengths is a flag of whole numbers with commas between them.
type lengths []int

func (l *lengths) String() string {
	var parts []string
	for _, n := range *l {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(parts, ",")
}

// Set replaces the list; an empty text empties it.
func (l *lengths) Set(text string) error {
	*l = nil
	if text == "" {
		return nil
	}
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 0 {
			return fmt.Errorf("%q is not a number of positions, 0 or more", part)
		}
		*l = append(*l, n)
	}
	return nil
}
