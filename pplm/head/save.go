package head

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// Save writes path.safetensors and path.json, each whole or not at all; the JSON
// comes last and holds the weights' checksum, so that files which do not belong
// together are never taken for a head.
// Numbers are rounded to float32.
func (h *Head) Save(path string) error {
	if err := h.save(path); err != nil {
		return fmt.Errorf("saving the head %s: %w", path, err)
	}
	return nil
}

func (h *Head) save(path string) error {
	if err := h.validate(); err != nil {
		return err
	}
	var weights bytes.Buffer
	err := safetensors.Encode(&weights, nil, []safetensors.Source{
		safetensors.FromSlice(weightName, narrow(h.Weight), len(h.Classes), h.Width),
		safetensors.FromSlice(biasName, narrow(h.Bias), len(h.Classes)),
	})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(weights.Bytes())
	text, err := json.MarshalIndent(document{
		Classes: h.Classes, Default: h.Default, Width: h.Width, Model: h.Model, Hash: h.Hash,
		Weights: hex.EncodeToString(sum[:]),
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(path+".safetensors", weights.Bytes()); err != nil {
		return err
	}
	return writeFile(path+".json", append(text, '\n'))
}

func writeFile(path string, data []byte) error {
	return safetensors.WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

func narrow(wide []float64) []float32 {
	out := make([]float32, len(wide))
	for i, x := range wide {
		out[i] = float32(x)
	}
	return out
}
