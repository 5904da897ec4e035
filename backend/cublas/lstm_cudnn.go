//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

// rnnKey is the shape that cuDNN is asked for.
type rnnKey struct{ steps, batch, in, size int }

// rnn is cuDNN's LSTM of a shape, and where its weights lie.
type rnn struct {
	*cuda.RNN
	dtype  tensor.DType
	places cuda.Places
}

const (
	// mostRNNs are kept. They are cheap to make, and lengths of sequences vary.
	mostRNNs = 64
	// From this version on cuDNN's LSTM takes bfloat16, on devices that multiply it.
	narrowCUDNN = 91300
)

// rnn is cuDNN's LSTM for the call, nil where it has none.
func (l *lstm) rnn() *rnn {
	s := &l.b.lstms
	key := rnnKey{l.steps, l.batch, l.in, l.size}
	if r, ok := s.rnns[key]; ok {
		return r
	}
	if len(s.rnns) >= mostRNNs {
		l.b.closeLSTMs()
	}
	if s.rnns == nil {
		s.rnns = map[rnnKey]*rnn{}
	}
	r := l.openRNN()
	s.rnns[key] = r
	return r
}

// openRNN asks for bfloat16, where products are rounded to it, or else float32.
// What cuDNN lacks, or says in another way, is no fault: there are other routes.
func (l *lstm) openRNN() *rnn {
	b := l.b
	if !b.dev.CUDNN() || b.fault != nil || l.batch*l.in*l.size == 0 {
		return nil
	}
	shape := cuda.RNNShape{Steps: l.steps, Batch: l.batch, In: l.in, Hidden: l.size, Math: cuda.RNNFull}
	if b.precision != backend.Full {
		shape.Math = cuda.RNNDefault
	}
	if b.precision == backend.BF16 && !b.lstms.wide && b.dev.Major >= 8 && b.dev.CUDNNVersion() >= narrowCUDNN {
		narrow := shape
		narrow.Type, narrow.Math = cuda.RNNBF16, cuda.RNNNarrow
		if r := b.placeRNN(narrow, tensor.BFloat16); r != nil {
			return r
		}
	}
	return b.placeRNN(shape, tensor.Float32)
}

func (b *Backend) placeRNN(shape cuda.RNNShape, d tensor.DType) (found *rnn) {
	r, err := b.dev.OpenRNN(shape)
	if err != nil {
		return nil
	}
	defer func() {
		if found == nil {
			r.Close()
		}
	}()
	mem := b.scratch(r.Weights)
	defer b.release(mem)
	places, ok, err := r.Places(mem.at)
	if err != nil || !ok {
		return nil
	}
	return &rnn{r, d, places}
}

// noRNN forgets the call's LSTM, which cuDNN turned out to lack; of bfloat16, it
// tells whether there may be one of float32.
func (l *lstm) noRNN(r *rnn) (again bool) {
	r.Close()
	key := rnnKey{l.steps, l.batch, l.in, l.size}
	l.b.lstms.rnns[key] = nil
	if r.dtype == tensor.Float32 {
		return false
	}
	l.b.lstms.wide = true
	delete(l.b.lstms.rnns, key)
	return true
}

// rnnWork are operands in the type that cuDNN computes in, and working memory.
type rnnWork struct {
	b     *Backend
	dtype tensor.DType
	mems  []scratch
	out   [][2]*tensor.Tensor // where a result belongs, and where cuDNN writes it
}

func (w *rnnWork) space(bytes int) scratch {
	mem := w.b.scratch(bytes)
	w.mems = append(w.mems, mem)
	return mem
}

// read is an operand's address, null where there is none.
func (w *rnnWork) read(t *tensor.Tensor) cuda.Ptr {
	if t == nil || t.DType == w.dtype {
		return w.b.pointer(t)
	}
	copied := w.b.view(w.space(w.dtype.Bytes(t.Len())), w.dtype, t.Shape...)
	w.b.copy(copied, t)
	return w.b.at(copied)
}

// write is where cuDNN writes a result, null where nobody wants it.
func (w *rnnWork) write(t *tensor.Tensor) cuda.Ptr {
	if t == nil || t.DType == w.dtype {
		return w.b.pointer(t)
	}
	made := w.b.view(w.space(w.dtype.Bytes(t.Len())), w.dtype, t.Shape...)
	w.out = append(w.out, [2]*tensor.Tensor{t, made})
	return w.b.at(made)
}

// finish brings the results to where they belong.
func (w *rnnWork) finish() {
	for _, o := range w.out {
		w.b.copy(o[0], o[1])
	}
}

func (w *rnnWork) release() {
	for _, mem := range w.mems {
		w.b.release(mem)
	}
}

// part is a tensor within the weight space.
func (w *rnnWork) part(space scratch, offset int, like *tensor.Tensor) *tensor.Tensor {
	n := w.dtype.Bytes(like.Len())
	return w.b.view(scratch{space.at + cuda.Ptr(offset), n}, w.dtype, like.Shape...)
}

// weights fills a weight space.
func (w *rnnWork) weights(r *rnn, c *backend.LSTMCall) cuda.Ptr {
	space := w.space(r.Weights)
	w.b.copy(w.part(space, r.places.WIH, c.Wih), c.Wih)
	w.b.copy(w.part(space, r.places.WHH, c.Whh), c.Whh)
	w.b.copy(w.part(space, r.places.BIH, c.Bih), c.Bih)
	w.b.copy(w.part(space, r.places.BHH, c.Bhh), c.Bhh)
	return space.at
}

// forwardCUDNN is the forward pass; false where cuDNN does not have it.
func (l *lstm) forwardCUDNN() bool {
	b, c := l.b, l.c
	b.leaveGraph()
	if c.X.DType != tensor.Float32 || l.stored() {
		return false
	}
	r := l.rnn()
	if r == nil {
		return b.fault != nil
	}
	w := &rnnWork{b: b, dtype: r.dtype}
	defer w.release()
	reserve := b.scratch(r.Reserve)
	b.storage(c.Gates).attached = reserve
	call := cuda.RNNCall{
		X: w.read(c.X), HX: w.read(c.H0), CX: w.read(c.C0), Weights: w.weights(r, c),
		Work: w.space(r.Work).at, Reserve: reserve.at,
		Y: w.write(c.Y), HY: w.write(c.HN), CY: w.write(c.CN),
	}
	if b.fault != nil {
		return true
	}
	err := r.Forward(&call)
	if cuda.Unsupported(err) {
		b.storage(c.Gates).attached = scratch{}
		b.release(reserve)
		return l.noRNN(r) && l.forwardCUDNN()
	}
	b.check(err)
	w.finish()
	return true
}

// backwardCUDNN are all gradients; false where cuDNN does not have them. It wants
// a gradient of Y, and a place for that of X.
func (l *lstm) backwardCUDNN(g *backend.LSTMGrads) bool {
	b, c := l.b, l.c
	b.leaveGraph()
	if b.fault != nil {
		return true
	}
	r := l.rnn()
	if r == nil {
		return b.fault != nil
	}
	w := &rnnWork{b: b, dtype: r.dtype}
	defer w.release()
	call := cuda.RNNCall{
		X: w.read(c.X), HX: w.read(c.H0), CX: w.read(c.C0), Weights: w.weights(r, c),
		Work: w.space(r.Work).at, Reserve: b.storage(c.Gates).attached.at, Y: w.read(c.Y),
		DY: w.read(g.DY), DHY: w.read(g.DHN), DCY: w.read(g.DCN),
		DX: w.write(g.DX), DHX: w.write(g.DH0), DCX: w.write(g.DC0),
	}
	if g.DY == nil {
		zeros := b.view(w.space(r.dtype.Bytes(c.Y.Len())), r.dtype, c.Y.Shape...)
		b.fill(zeros, 0)
		call.DY = b.at(zeros)
	}
	if g.DX == nil {
		call.DX = w.space(r.dtype.Bytes(c.X.Len())).at
	}
	err := r.BackwardData(&call)
	if err == nil && (g.DWih != nil || g.DWhh != nil || g.DBias != nil) {
		err = l.weightsCUDNN(r, w, &call, g)
	}
	if cuda.Unsupported(err) {
		l.noRNN(r)
		return false
	}
	b.check(err)
	w.finish()
	return true
}

// weightsCUDNN are the gradients of the weights.
func (l *lstm) weightsCUDNN(r *rnn, w *rnnWork, call *cuda.RNNCall, g *backend.LSTMGrads) error {
	b := l.b
	space := w.space(r.Weights)
	call.DWeights = space.at
	if err := b.dev.Set8(space.at, 0, r.Weights); err != nil {
		return err
	}
	if err := r.BackwardWeights(call); err != nil {
		return err
	}
	for _, o := range []struct {
		t  *tensor.Tensor
		at int
	}{{g.DWih, r.places.WIH}, {g.DWhh, r.places.WHH}, {g.DBias, r.places.BIH}} {
		if o.t != nil {
			b.copy(o.t, w.part(space, o.at, o.t))
		}
	}
	return nil
}
