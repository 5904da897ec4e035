package sharnn

import (
	"fmt"
	"slices"

	"github.com/tiller-ml/tiller/tensor"
)

// LayerNormEps is added to the variance in every layer norm of the reference.
const LayerNormEps = 1e-12

// Config is what a model's shape and behaviour follow from.
type Config struct {
	Symbols   int   `json:"ntoken"`  // vocabulary
	Width     int   `json:"emsize"`  // of embeddings and LSTMs
	Hidden    int   `json:"nhid"`    // of the Boom layer, at least Width
	Layers    int   `json:"nlayers"` // blocks
	Attention []int `json:"attn_layers"`
	Heads     int   `json:"heads"`
	Memory    int   `json:"mem"` // most positions an attention sees, its segment included; 0: no memory
	Residual  bool  `json:"residual"`
	Collapsed bool  `json:"vq_collapsed"`

	// Splits are the first symbols of the adaptive softmax's groups, but for the
	// first group: see [nn.SplitCrossEntropy]. None: one softmax over all symbols.
	Splits []int `json:"splits,omitempty"`

	// MemoryQuirk trims as the reference's slice m[-(cap-T):] does: a segment as
	// long as the memory keeps all of it, a longer one drops the first rows.
	MemoryQuirk bool `json:"memory_quirk,omitempty"`
}

// AttentionLayers are the blocks that attend: "one" (the second-last, as in the
// paper's best model), "all", or "none" (a plain stacked LSTM).
func AttentionLayers(which string, layers int) ([]int, error) {
	switch which {
	case "none":
		return []int{}, nil
	case "one":
		return []int{max(layers-2, 0)}, nil
	case "all":
		all := make([]int, layers)
		for i := range all {
			all[i] = i
		}
		return all, nil
	}
	return nil, fmt.Errorf("unknown attention %q: want one, all or none", which)
}

// Check tells what is wrong with a configuration.
func (c Config) Check() error {
	for _, v := range []struct {
		name  string
		value int
	}{{"ntoken", c.Symbols}, {"emsize", c.Width}, {"nhid", c.Hidden}, {"nlayers", c.Layers}, {"heads", c.Heads}} {
		if v.value < 1 {
			return fmt.Errorf("%s is %d: want at least 1", v.name, v.value)
		}
	}
	switch {
	case c.Hidden < c.Width:
		return fmt.Errorf("nhid %d is below emsize %d: the Boom layer sums whole chunks of emsize", c.Hidden, c.Width)
	case c.Width%c.Heads != 0:
		return fmt.Errorf("emsize %d is not a multiple of heads %d", c.Width, c.Heads)
	case c.Memory < 0:
		return fmt.Errorf("mem is %d: want 0 or more", c.Memory)
	}
	for _, l := range c.Attention {
		if l < 0 || l >= c.Layers {
			return fmt.Errorf("attn_layers names block %d of %d", l, c.Layers)
		}
	}
	if err := checkSplits(c.Splits, c.Symbols); err != nil {
		return err
	}
	// Sizes read from a file must not ask for more than an int of elements.
	const most = 1 << 40
	if c.Symbols > most/c.Width || c.Hidden > most/c.Width || c.Layers > 1<<16 {
		return fmt.Errorf("ntoken %d, emsize %d, nhid %d, nlayers %d: too large", c.Symbols, c.Width, c.Hidden, c.Layers)
	}
	return nil
}

func (c Config) attends(block int) bool { return slices.Contains(c.Attention, block) }

// KeepBefore is how many of a memory's rows a segment of length t sees.
func (c Config) KeepBefore(rows, t int) int {
	room := c.Memory - t
	switch {
	case c.Memory == 0:
		return 0
	case c.MemoryQuirk && room == 0:
		return rows
	case c.MemoryQuirk && room < 0:
		return max(rows+room, 0)
	}
	return max(min(rows, room), 0)
}

// ParseDType finds the dtype in which to read a model, as in a -dtype flag:
// float32, float64, bf16 or int8, or none, which stands for the folder's own.
func ParseDType(name string) (tensor.DType, error) {
	switch name {
	case "":
		return 0, nil
	case "bf16":
		return tensor.BFloat16, nil
	}
	d, err := tensor.ParseDType(name)
	if err != nil || !trainable(d.Compute()) {
		return 0, fmt.Errorf("unknown dtype %q: want float32, float64, bf16 or int8", name)
	}
	return d, nil
}

// Element types that a model can be trained in.
func trainable(d tensor.DType) bool { return d == tensor.Float32 || d == tensor.Float64 }
