package models

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// Choice is the language model that flags name.
type Choice struct {
	Dir   string // "": the embedded one
	DType DType
}

// Flags adds -model and -dtype in a group of their own.
func (c *Choice) Flags(f *command.Flags) *command.Group {
	g := f.Group("Language model")
	g.Add(&c.Dir, "model", "the `folder` of a GPT-2, in the layout of Hugging Face, or of a SHA-RNN, as sharnn/train writes it; none: a small one that is part of this program")
	g.Add(&c.DType, "dtype", "`float32, float64, bf16 or int8`: what weights are read as; none: as they were saved, or float32 for a GPT-2. bf16 and int8 are faster and take less memory")
	return g
}

// Open opens the model: see [Open].
func (c *Choice) Open(b backend.Backend) (*Model, error) { return Open(b, c.DType.Type, c.Dir) }

// DType is a flag for a type of weights, as [sharnn.ParseDType] reads it.
type DType struct {
	Type tensor.DType // 0: as they were saved
	text string
}

func (d *DType) String() string { return d.text }

// Set replaces the type.
func (d *DType) Set(text string) (err error) {
	d.text = text
	d.Type, err = sharnn.ParseDType(text)
	return err
}
