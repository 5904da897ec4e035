package gpt2

import (
	"fmt"
	"io"
	"iter"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

// Model is a GPT-2: embeddings of tokens and positions, blocks, a layer norm,
// and the token embeddings again as the decoder.
type Model struct {
	Config    Config
	Backend   backend.Backend
	DType     tensor.DType  // of the matrices; the rest is of DType.Compute()
	Tokens    *nn.Embedding // (V, H), also the decoder's weight
	Positions *nn.Embedding // (positions, H), of DType.Compute()
	Blocks    []*Block
	Norm      *nn.LayerNorm

	info  pplm.Info
	files []io.Closer // what mapped weights lie in
}

var _ pplm.LM = (*Model)(nil)

// New is a model with initial values drawn from seed: matrices and embeddings
// N(0, 0.02), biases 0, layer norms 1 and 0. The caller frees it.
func New(b backend.Backend, dtype tensor.DType, c Config, seed uint64) (*Model, error) {
	m, err := empty(b, dtype, c)
	if err != nil {
		return nil, err
	}
	for i, s := range m.slots() {
		x := backend.New(b, dtype.Compute(), s.shape...)
		if len(s.shape) == 1 {
			b.Fill(x, s.fill)
		} else {
			b.Random(x, backend.Dist{Kind: backend.Normal, B: 0.02}, tensor.Key{Seed: seed, Site: uint32(i)})
		}
		m.take(s, x)
	}
	h := newHash()
	fmt.Fprintf(h, "%+v %d", c, seed)
	m.describe("gpt2", h.sum())
	return m, nil
}

// take makes x, in the files' layout, the value of a parameter.
func (m *Model) take(s slot, x *tensor.Tensor) {
	if x.DType == s.dtype {
		s.put(x)
		return
	}
	m.convert(s, x, func(lo, hi int) {})
	backend.Release(m.Backend, x)
}

// turned tells of matrices that lie by rows (out, in) in this package, not as
// in the files: those that are only stored. The forward pass, which is made
// more often than the backward one, then sums along their rows.
func (s slot) turned() bool { return s.conv && s.dtype.Compute() != s.dtype }

// bandLen is about how many elements are converted at a time: more would be
// more memory beside the model's.
const bandLen = 1 << 16

// convert allocates a parameter and copies x, which has the files' layout, to
// it, some rows at a time. done is told of rows of x that are read.
func (m *Model) convert(s slot, x *tensor.Tensor, done func(lo, hi int)) {
	b, rows := m.Backend, x.Dim(0)
	from := x
	if s.turned() {
		from = x.Transpose()
	}
	to := backend.New(b, s.dtype, from.Shape...)
	s.param.Value = to
	step := max(1, bandLen/tensor.Size(from.Shape[1:]))
	for lo := 0; lo < to.Dim(0); lo += step {
		hi := min(to.Dim(0), lo+step)
		m.convertBand(to.Slice(0, lo, hi), from.Slice(0, lo, hi))
		if !s.turned() {
			done(lo, hi)
		}
	}
	if s.turned() {
		done(0, rows)
		return
	}
	s.put(to)
}

// convertBand copies x to dst by way of the type that dst computes in.
func (m *Model) convertBand(dst, x *tensor.Tensor) {
	if dst.DType == dst.DType.Compute() {
		m.Backend.Copy(dst, x)
		return
	}
	wide := backend.New(m.Backend, dst.DType.Compute(), x.Shape...)
	m.Backend.Copy(wide, x)
	m.Backend.Copy(dst, wide)
	backend.Release(m.Backend, wide)
}

// empty is a model whose parameters have no values yet.
func empty(b backend.Backend, dtype tensor.DType, c Config) (*Model, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("model configuration: %w", err)
	}
	if d := dtype.Compute(); d != tensor.Float32 && d != tensor.Float64 {
		return nil, fmt.Errorf("a model of %v: want float32, float64, bfloat16 or int8", dtype)
	}
	norm := func() *nn.LayerNorm { return &nn.LayerNorm{Weight: &nn.Param{}, Bias: &nn.Param{}, Eps: c.Eps} }
	linear := func() *nn.Linear { return &nn.Linear{Weight: &nn.Param{}, Bias: &nn.Param{}} }
	m := &Model{
		Config: c, Backend: b, DType: dtype, Norm: norm(), info: pplm.Info{DType: dtype.Compute()},
		Tokens: &nn.Embedding{Weight: &nn.Param{}}, Positions: &nn.Embedding{Weight: &nn.Param{}},
	}
	for range c.Layers {
		m.Blocks = append(m.Blocks, &Block{
			Norm1: norm(), QKV: linear(), Mix: linear(), Norm2: norm(), Inner: linear(), Outer: linear(), heads: c.Heads,
		})
	}
	return m, nil
}

// slot is a parameter's place in the model and in the files.
type slot struct {
	name  string // without "transformer."
	shape []int  // in the files
	dtype tensor.DType
	fill  float64 // the initial value of a vector
	conv  bool    // (in, out) in the files, of which the parameter is the transpose
	param *nn.Param
}

// put gives the parameter its value, which lies in the files' layout.
func (s slot) put(x *tensor.Tensor) {
	if s.conv {
		x = x.Transpose()
	}
	s.param.Value = x
}

// slots are all parameters, in the files' order.
func (m *Model) slots() []slot {
	c, vector := m.Config, m.DType.Compute()
	norm := func(name string, n *nn.LayerNorm) []slot {
		return []slot{
			{name + ".weight", []int{c.Width}, vector, 1, false, n.Weight},
			{name + ".bias", []int{c.Width}, vector, 0, false, n.Bias},
		}
	}
	linear := func(name string, l *nn.Linear, in, out int) []slot {
		return []slot{
			{name + ".weight", []int{in, out}, m.DType, 0, true, l.Weight},
			{name + ".bias", []int{out}, vector, 0, false, l.Bias},
		}
	}
	all := []slot{
		{"wte.weight", []int{c.Vocabulary, c.Width}, m.DType, 0, false, m.Tokens.Weight},
		{"wpe.weight", []int{c.Positions, c.Width}, vector, 0, false, m.Positions.Weight},
	}
	for i, l := range m.Blocks {
		h := fmt.Sprintf("h.%d.", i)
		all = append(all, norm(h+"ln_1", l.Norm1)...)
		all = append(all, linear(h+"attn.c_attn", l.QKV, c.Width, 3*c.Width)...)
		all = append(all, linear(h+"attn.c_proj", l.Mix, c.Width, c.Width)...)
		all = append(all, norm(h+"ln_2", l.Norm2)...)
		all = append(all, linear(h+"mlp.c_fc", l.Inner, c.Width, c.inner())...)
		all = append(all, linear(h+"mlp.c_proj", l.Outer, c.inner(), c.Width)...)
	}
	return append(all, norm("ln_f", m.Norm)...)
}

// Params are the parameters under the names of the files, without
// "transformer.". The layers' matrices are (out, in), transposes of what the
// files hold.
func (m *Model) Params() iter.Seq2[string, *nn.Param] {
	return func(yield func(string, *nn.Param) bool) {
		for _, s := range m.slots() {
			if !yield(s.name, s.param) {
				return
			}
		}
	}
}

// describe fills in what Info says.
func (m *Model) describe(name, hash string) {
	m.info = pplm.Info{
		Name: name, Hash: hash, Backend: m.Backend, DType: m.DType.Compute(),
		Width: m.Config.Width, Vocabulary: m.Config.Vocabulary, Positions: m.Config.Positions,
	}
	for _, s := range m.slots() {
		m.info.Parameters += tensor.Size(s.shape)
	}
}

// Info describes the model.
func (m *Model) Info() pplm.Info { return m.info }

// Free gives the weights back and closes the files they are mapped from. States
// are freed before.
func (m *Model) Free() error {
	for _, s := range m.slots() {
		if s.param.Value != nil {
			backend.Release(m.Backend, s.param.Value)
			s.param.Value = nil
		}
	}
	return closeAll(m.files)
}
