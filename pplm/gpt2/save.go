package gpt2

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// Save writes the model's folder, made where it is not there: config.json, and
// model.safetensors in float32 (float64 for a model of float64). Each file takes
// an old one's place only when it is whole.
func (m *Model) Save(dir string) error {
	if err := m.save(dir); err != nil {
		return fmt.Errorf("saving the model: %w", err)
	}
	return nil
}

func (m *Model) save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var sources []safetensors.Source
	for _, s := range m.slots() {
		sources = append(sources, safetensors.Source{
			Name: s.name, Shape: s.shape, DType: safetensors.DTypeOf(m.info.DType),
			Data: func(w io.Writer) error { return m.write(w, s) },
		})
	}
	if err := safetensors.Write(filepath.Join(dir, WeightsFile), map[string]string{"format": "pt"}, sources); err != nil {
		return err
	}
	d := description{Config: m.Config, Type: "gpt2", Architectures: []string{"GPT2LMHeadModel"}, Activation: "gelu_new"}
	d.Inner = m.Config.inner()
	doc, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return safetensors.WriteAtomic(filepath.Join(dir, ConfigFile), func(w io.Writer) error {
		_, err := w.Write(append(doc, '\n'))
		return err
	})
}

// write writes a parameter's elements, some rows at a time.
func (m *Model) write(w io.Writer, s slot) error {
	x := s.param.Value
	if s.conv {
		// Blocks of int8 cannot be cut across.
		x = backend.New(m.Backend, m.info.DType, x.Shape...)
		defer backend.Release(m.Backend, x)
		m.Backend.Copy(x, s.param.Value)
		x = x.Transpose()
	}
	step := max(1, bandLen/tensor.Size(x.Shape[1:]))
	for lo := 0; lo < x.Dim(0); lo += step {
		rows := x.Slice(0, lo, min(x.Dim(0), lo+step))
		wide := backend.New(m.Backend, m.info.DType, rows.Shape...)
		m.Backend.Copy(wide, rows)
		data := make([]byte, wide.Len()*wide.DType.Size())
		err := m.Backend.Read(data, wide)
		backend.Release(m.Backend, wide)
		if err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	return nil
}
