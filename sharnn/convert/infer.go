package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// What -splits may be beside a list.
const (
	autoSplits = "auto"
	noSplits   = "none"
)

// infer is the configuration that a state dict's names and shapes speak of. They
// need not fit it: [sharnn.FromStateDict] tells.
func (d *dict) infer() (sharnn.Config, error) {
	encoder, linear := d.lookup(sharnn.EncoderWeight), d.lookup("blocks.0.ff.linear1.weight")
	if encoder == nil {
		encoder = d.lookup(sharnn.DecoderWeight)
	}
	if encoder == nil || len(encoder.Shape) != 2 || linear == nil || len(linear.Shape) != 2 {
		return sharnn.Config{}, fmt.Errorf("not a state dict of the reference's SHARNN, which has the matrices encoder.weight and blocks.0.ff.linear1.weight: it has %s", d.describe())
	}
	c := sharnn.Config{
		Symbols: encoder.Shape[0], Width: encoder.Shape[1], Hidden: linear.Shape[0],
		Attention: []int{}, Heads: 1,
	}
	attends, expanded := map[int]bool{}, false
	blocks := map[int]bool{}
	for _, x := range d.tensors {
		rest, ok := strings.CutPrefix(x.Name, "blocks.")
		number, rest, ok2 := strings.Cut(rest, ".")
		block, err := strconv.Atoi(number)
		if !ok || !ok2 || err != nil {
			continue
		}
		blocks[block] = true
		attends[block] = attends[block] || strings.HasPrefix(rest, "attn.")
		expanded = expanded || strings.HasPrefix(rest, "attn.vq.")
	}
	c.Layers = len(blocks)
	for block := range c.Layers {
		if attends[block] {
			c.Attention = append(c.Attention, block)
		}
	}
	c.Collapsed = len(c.Attention) > 0 && !expanded
	return c, nil
}

// describe lists all names and shapes.
func (d *dict) describe() string {
	var all []string
	for _, x := range d.tensors {
		all = append(all, fmt.Sprintf("%s %d", x.Name, x.Shape))
	}
	return strings.Join(all, ", ")
}

// configure completes what was inferred with what only the user knows. like is
// nil without -like.
func (s *settings) configure(c sharnn.Config, d *dict, like *sharnn.Description) (sharnn.Config, error) {
	c.Memory, c.Heads, c.Residual, c.MemoryQuirk = s.mem, s.heads, s.residual, s.quirk
	if like != nil {
		take(s.given("mem"), &c.Memory, like.Memory)
		take(s.given("heads"), &c.Heads, like.Heads)
		take(s.given("residual"), &c.Residual, like.Residual)
		take(s.given("memory_quirk"), &c.MemoryQuirk, like.MemoryQuirk)
		if !s.given("splits") {
			c.Splits = like.Splits
			return c, nil
		}
	}
	groups := 0
	if tail := d.lookup(tailVectors); tail != nil && len(tail.Shape) > 0 {
		groups = tail.Shape[0]
	}
	var err error
	c.Splits, err = s.parseSplits(c.Symbols, groups)
	return c, err
}

// take sets dst to the other model's value, unless the flag was given.
func take[T any](given bool, dst *T, value T) {
	if !given {
		*dst = value
	}
}

// parseSplits are the split points of a criterion with so many groups beside the
// head.
func (s *settings) parseSplits(symbols, groups int) ([]int, error) {
	usual := sharnn.DefaultSplits(symbols)
	switch {
	case s.splits == noSplits:
		return nil, nil
	case s.splits == autoSplits && groups == 0 && len(usual) > 0:
		return nil, fmt.Errorf("the reference gives %d symbols an adaptive softmax, of which there are no numbers here: name the state dict of its criterion with -criterion, or say -splits none", symbols)
	case s.splits == autoSplits && groups != len(usual):
		return nil, fmt.Errorf("%s has %d rows, and the reference has %d split points for %d symbols: name the %d that its groups begin at with -splits", tailVectors, groups, len(usual), symbols, groups)
	case s.splits == autoSplits:
		return usual, nil
	}
	var splits []int
	for field := range strings.SplitSeq(s.splits, ",") {
		at, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("-splits %s: want %s, %s, or whole numbers that increase, as in 2800,20000", s.splits, autoSplits, noSplits)
		}
		splits = append(splits, at)
	}
	return splits, nil
}

// dtypeOf is what a model's numbers fit in: bfloat16 where all matrices, and only
// they, are stored so and nothing is left to collapse, as this program writes models
// that are only read; else float64 if any number needs it; else float32.
func (d *dict) dtypeOf(c sharnn.Config) tensor.DType {
	stored := c.Collapsed || len(c.Attention) == 0
	wide := false
	for _, x := range d.tensors {
		stored = stored && (x.DType == safetensors.BF16) == (len(x.Shape) == 2) && (len(x.Shape) == 2 || x.DType == safetensors.F32)
		wide = wide || x.DType == safetensors.F64
	}
	switch {
	case stored:
		return tensor.BFloat16
	case wide:
		return tensor.Float64
	}
	return tensor.Float32
}
