package gpt2

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ConfigFile is the description in a model's folder.
const ConfigFile = "config.json"

// Config are a model's sizes, under the names of config.json.
type Config struct {
	Vocabulary int     `json:"vocab_size"`
	Positions  int     `json:"n_positions"`
	Width      int     `json:"n_embd"` // H
	Layers     int     `json:"n_layer"`
	Heads      int     `json:"n_head"`
	Inner      int     `json:"n_inner"` // of the feed-forward layer; 0: 4 H
	Eps        float64 `json:"layer_norm_epsilon"`
}

// Small is the configuration of the GPT-2 with 124 million parameters.
func Small() Config {
	return Config{Vocabulary: 50257, Positions: 1024, Width: 768, Layers: 12, Heads: 12, Eps: 1e-5}
}

// Medium is the configuration of the GPT-2 with 355 million parameters, the
// PPLM paper's.
func Medium() Config {
	return Config{Vocabulary: 50257, Positions: 1024, Width: 1024, Layers: 24, Heads: 16, Eps: 1e-5}
}

// sizeLimit bounds what a damaged description can ask for.
const sizeLimit = 1 << 24

// Check tells what is wrong with a configuration.
func (c Config) Check() error {
	sizes := []struct {
		name string
		n    int
	}{
		{"vocab_size", c.Vocabulary}, {"n_positions", c.Positions}, {"n_embd", c.Width},
		{"n_layer", c.Layers}, {"n_head", c.Heads}, {"n_inner", c.inner()},
	}
	for _, s := range sizes {
		if s.n < 1 || s.n > sizeLimit {
			return fmt.Errorf("%s is %d, want 1 to %d", s.name, s.n, sizeLimit)
		}
	}
	if c.Width%c.Heads != 0 {
		return fmt.Errorf("n_embd is %d, want a multiple of n_head, %d", c.Width, c.Heads)
	}
	if !(c.Eps >= 0) {
		return fmt.Errorf("layer_norm_epsilon is %v, want 0 or more", c.Eps)
	}
	return nil
}

// inner is the width of the feed-forward layers.
func (c Config) inner() int {
	if c.Inner == 0 {
		return 4 * c.Width
	}
	return c.Inner
}

// description is config.json: a configuration, and what tells whether this
// package computes the same as the model's authors.
type description struct {
	Config
	Type          string   `json:"model_type"`
	Architectures []string `json:"architectures"`
	Activation    string   `json:"activation_function"`
	Scaled        *bool    `json:"scale_attn_weights,omitempty"`
	ByLayer       bool     `json:"scale_attn_by_inverse_layer_idx,omitempty"`
	Cross         bool     `json:"add_cross_attention,omitempty"`
	Tied          *bool    `json:"tie_word_embeddings,omitempty"`
	Context       int      `json:"n_ctx,omitempty"` // older folders' name for n_positions
}

// readConfig reads a folder's description.
func readConfig(dir string) (Config, error) {
	path := filepath.Join(dir, ConfigFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Config{}, fmt.Errorf("%s is not a folder with a GPT-2: %w", dir, err)
	}
	if err != nil {
		return Config{}, fmt.Errorf("reading the model's configuration: %w", err)
	}
	d := description{Config: Config{Eps: 1e-5}, Activation: "gelu_new"}
	if err := json.Unmarshal(data, &d); err != nil {
		return Config{}, fmt.Errorf("reading the model's configuration: %s: %w", path, err)
	}
	if err := d.check(); err != nil {
		return Config{}, fmt.Errorf("reading the model's configuration: %s: %w", path, err)
	}
	return d.Config, nil
}

// check tells why a folder's model is not one that this package computes.
func (d *description) check() error {
	if d.Type != "gpt2" {
		return fmt.Errorf("model_type is %q, want \"gpt2\"", d.Type)
	}
	if d.Positions == 0 {
		d.Positions = d.Context
	}
	switch {
	case d.Activation != "gelu_new" && d.Activation != "gelu_pytorch_tanh":
		return fmt.Errorf("activation_function is %q, want \"gelu_new\"", d.Activation)
	case d.Scaled != nil && !*d.Scaled:
		return errors.New("scale_attn_weights is false, want true")
	case d.ByLayer:
		return errors.New("scale_attn_by_inverse_layer_idx is true, want false")
	case d.Cross:
		return errors.New("add_cross_attention is true, want false")
	case d.Tied != nil && !*d.Tied:
		return errors.New("tie_word_embeddings is false, want true")
	}
	return d.Check()
}
