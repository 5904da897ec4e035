package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// summary is a model in a line.
func summary(m *sharnn.Model) string {
	c := m.Config
	attends := "none attends"
	if len(c.Attention) > 0 {
		attends = "attention in " + strings.Trim(strings.ReplaceAll(fmt.Sprint(c.Attention), " ", ", "), "[]")
	}
	if c.Collapsed {
		attends += " (collapsed)"
	}
	line := fmt.Sprintf("%d symbols, emsize %d, nhid %d, %d blocks, %s, %d numbers of %v", c.Symbols, c.Width, c.Hidden, c.Layers, attends, m.Size(), m.DType)
	if len(c.Splits) > 0 {
		line += fmt.Sprintf(", adaptive softmax split at %d", c.Splits)
	}
	return line
}

// reportFolder says what a folder has become, and what can be done with it.
func reportFolder(w io.Writer, dir string, m *sharnn.Model, vocab corpus.Vocab, d *dict) error {
	fmt.Fprintf(w, "wrote %s: %s\n", dir, summary(m))
	c := m.Config
	fmt.Fprintf(w, "Taken as given: memory of %d positions, heads %d, residual %v.\n", c.Memory, c.Heads, c.Residual)
	narrow := func(x *safetensors.Tensor) bool { return x.DType == safetensors.F16 || x.DType == safetensors.BF16 }
	if m.DType != tensor.BFloat16 && slices.ContainsFunc(d.tensors, narrow) {
		fmt.Fprintf(w, "Numbers of 16 bits are widened to %v, which changes none.\n", m.DType)
	}
	if vocab == nil {
		_, err := fmt.Fprintln(w, "It is over bare ids: give the text that numbers its symbols with -data, or another model's vocabulary with -like, and it writes text.")
		return err
	}
	fmt.Fprintf(w, "Its symbols are %ss.\n", vocab.Unit())
	_, err := fmt.Fprintf(w, "\nTry it:\n  go run ./sharnn/generate -checkpoint %s\n", dir)
	return err
}

// reportFile says what was written and which Python loads it.
func (s *settings) reportFile(w io.Writer, m *sharnn.Model, d *sharnn.Description, outputs []output) error {
	var paths []string
	for _, o := range outputs {
		paths = append(paths, o.path)
	}
	fmt.Fprintf(w, "wrote %s: %s\n", strings.Join(paths, ", "), summary(m))
	if d.DType == tensor.Int8.String() {
		fmt.Fprintln(w, "The model is of int8: its numbers are widened to float32.")
	}
	if s.data == "" && s.words == "" {
		fmt.Fprintln(w, "Rows of symbols are in this model's order, not in that of the reference's dictionary: see -data.")
	}
	fmt.Fprintf(w, "\nThe reference's modules load it:\n")
	for _, line := range python(m, outputs) {
		fmt.Fprintf(w, "  %s\n", line)
	}
	for _, line := range edits(m.Config) {
		fmt.Fprintf(w, "Before that, in model.py: %s.\n", line)
	}
	return nil
}

// python are the lines that load the state dicts.
func python(m *sharnn.Model, outputs []output) []string {
	c := m.Config
	lines := []string{fmt.Sprintf(`model = SHARNN("LSTM", %d, %d, %d, %d, tie_weights=True)`, c.Symbols, c.Width, c.Hidden, c.Layers)}
	if m.DType == tensor.Float64 {
		lines = append(lines, "model.double()")
	}
	if c.Collapsed {
		lines = append(lines, "[block.attn.vq_collapse() for block in model.blocks if block.attn]")
	}
	lines = append(lines, fmt.Sprintf("model.load_state_dict(%s)", load(outputs[0].path)))
	if len(outputs) > 1 {
		splits := strings.ReplaceAll(fmt.Sprint(c.Splits), " ", ", ")
		lines = append(lines, fmt.Sprintf("criterion = SplitCrossEntropyLoss(%d, splits=%s)", c.Width, splits),
			fmt.Sprintf("criterion.load_state_dict(%s)", load(outputs[1].path)))
	}
	return lines
}

func load(path string) string {
	if strings.EqualFold(filepath.Ext(path), safetensorsExt) {
		return fmt.Sprintf("safetensors.torch.load_file(%q)", path)
	}
	return fmt.Sprintf("torch.load(%q)", path)
}

// edits are what has no argument in the reference's model: its defaults are one
// attention in the second-last block, one head, and 5000 positions.
func edits(c sharnn.Config) []string {
	var lines []string
	if !slices.Equal(c.Attention, []int{c.Layers - 2}) {
		lines = append(lines, fmt.Sprintf("use_attn=idx in %s", strings.ReplaceAll(fmt.Sprint(c.Attention), " ", ", ")))
	}
	if c.Heads != 1 {
		lines = append(lines, fmt.Sprintf("self.num_heads = %d", c.Heads))
	}
	if c.Memory != 5000 {
		lines = append(lines, fmt.Sprintf("self.num_max_positions = %d", c.Memory))
	}
	if c.Residual {
		lines = append(lines, "residual=True")
	}
	return lines
}
