package shalm

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// LM is a SHA-RNN as steering sees it. Several states may be stepped side by
// side, each by one goroutine.
type LM struct {
	Model *sharnn.Model

	info    pplm.Info
	prepare sync.Once
}

// New takes a model that stays the caller's, who frees it when the LM is done
// with. name is what [pplm.Info] calls it; its hash is that of the weights as
// they are held. The error is the device's.
func New(m *sharnn.Model, name string) (*LM, error) {
	hash, err := hashOf(m)
	if err != nil {
		return nil, fmt.Errorf("the language model %s: %w", name, err)
	}
	return &LM{Model: m, info: pplm.Info{
		Name: name, Hash: hash, Backend: m.Backend, DType: m.DType.Compute(),
		Width: m.Config.Width, Vocabulary: m.Config.Symbols, Parameters: m.Size(),
	}}, nil
}

// hashOf is SHA-256 of the vectors, by name, as float32. Training moves them all, and
// they are the same however the matrices are stored: a head that was trained on a
// model is known to fit it whatever the dtype that the model is read as.
func hashOf(m *sharnn.Model) (string, error) {
	h := sha256.New()
	for name, p := range m.Params() {
		x := p.Value
		if x.Rank() > 1 {
			fmt.Fprintf(h, "%s %v\n", name, x.Shape)
			continue
		}
		fmt.Fprintf(h, "%s %v %v\n", name, tensor.Float32, x.Shape)
		if err := writeFloat32(h, m.Backend, x); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// writeFloat32 writes x's elements as float32.
func writeFloat32(w io.Writer, b backend.Backend, x *tensor.Tensor) error {
	narrow := backend.New(b, tensor.Float32, x.Shape...)
	defer backend.Release(b, narrow)
	b.Copy(narrow, x)
	raw := make([]byte, narrow.DType.Bytes(narrow.Len()))
	if err := b.Read(raw, narrow); err != nil {
		return err
	}
	_, err := w.Write(raw)
	return err
}

// Info describes the model. It has no longest context.
func (l *LM) Info() pplm.Info { return l.info }

// preparedBatch is the number of samples from which products are faster with
// weights that the backend laid out for them.
const preparedBatch = 5

// Start is a state of batch samples that have read nothing.
func (l *LM) Start(batch int) pplm.State {
	if batch < 1 {
		tensor.Panicf("shalm.Start", nil, "a batch of %d samples", batch)
	}
	if batch >= preparedBatch {
		l.prepare.Do(l.Model.Prepare)
	}
	r := &rest{model: l.Model, batch: batch, cells: make([]cell, len(l.Model.Blocks))}
	for i, block := range l.Model.Blocks {
		c := &r.cells[i]
		c.h = backend.Zeros(l.info.Backend, l.info.DType, batch, l.info.Width)
		c.c = backend.Zeros(l.info.Backend, l.info.DType, batch, l.info.Width)
		c.attends = block.Attn != nil && l.Model.Config.Memory > 0
	}
	return &state{rest: r}
}

// Step reads tokens: see [pplm.LM].
func (l *LM) Step(t *autograd.Tape, in *autograd.Var, states ...pplm.State) (logits, hidden *autograd.Var, next []pplm.State) {
	at, batch := make([]*state, len(states)), 0
	for i, s := range states {
		at[i] = s.(*state)
		at[i].check("shalm.Step")
		batch += at[i].rest.batch
	}
	e := l.embed(in, batch)
	T := e.Value.Dim(0)
	hidden, carry := l.Model.Run(e, joined(t, at, T), nil)
	for i, c := range parted(carry, at) {
		next = append(next, at[i].after(c, T))
	}
	return l.Model.Logits(autograd.Slice(hidden, 0, T-1, T)), hidden, next
}

// embed is the tokens' embeddings (T, B, H), or the expected ones.
func (l *LM) embed(in *autograd.Var, batch int) *autograd.Var {
	shape := in.Shape()
	soft := in.Value.DType != tensor.Int32
	switch {
	case !soft && len(shape) != 2, soft && (len(shape) != 3 || shape[2] != l.info.Vocabulary):
		tensor.Panicf("shalm.Step", []*tensor.Tensor{in.Value}, "want ids (T, B) or distributions (T, B, %d)", l.info.Vocabulary)
	case shape[0] < 1 || shape[1] != batch:
		tensor.Panicf("shalm.Step", []*tensor.Tensor{in.Value}, "want at least one row of a batch of %d", batch)
	}
	if soft {
		return autograd.MatMul(in, l.Model.Encoder.Weight.On(in.Tape()))
	}
	return l.Model.Embed(in, nil)
}
