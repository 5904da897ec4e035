package backend

import "github.com/tiller-ml/tiller/tensor"

// The optional abilities. autograd finds each by a type assertion and falls
// back to the same computation in basic operations (Op.Ref) where a backend
// lacks it. Tensors are contiguous unless the comment says "view". Gradients
// are written, not added; a nil gradient is one nobody wants.

// Softmaxer folds whole rows (the last axis) at a time.
type Softmaxer interface {
	// Softmax writes the softmax of each row of x, or its logarithm.
	Softmax(dst, x *tensor.Tensor, log bool)
	// SoftmaxGrad: y*(dy - sum(dy*y)), or dy - exp(y)*sum(dy) for the logarithm.
	SoftmaxGrad(dx, y, dy *tensor.Tensor, log bool)
}

// LayerNormer normalises rows (the last axis) with the biased variance.
type LayerNormer interface {
	// LayerNorm: y = (x-mean)*rstd*w + b, rstd = 1/sqrt(var+eps); x, y (N, H),
	// w, b (H), mean, rstd (N).
	LayerNorm(y, mean, rstd, x, w, b *tensor.Tensor, eps float64)
	LayerNormGrad(dx, dw, db, x, w, mean, rstd, dy *tensor.Tensor)
}

// CrossEntropyer is -log softmax(logits)[target] for each row.
type CrossEntropyer interface {
	// CrossEntropy: loss, lse (N), logits (N, V), targets (N) int32; lse is the
	// logarithm of the row's sum of exponentials.
	CrossEntropy(loss, lse, logits, targets *tensor.Tensor)
	// CrossEntropyGrad: dlogits = (softmax(logits) - onehot(targets)) * dloss.
	CrossEntropyGrad(dlogits, logits, lse, targets, dloss *tensor.Tensor)
}

// LinearCrossEntropyer is -log softmax(x w^T + b)[target] for each row, without
// holding all logits. Where the rest is float32, w may be bfloat16 or Int8.
type LinearCrossEntropyer interface {
	// LinearCrossEntropy: loss, lse (N), x (N, H), w (V, H), b (V), targets (N)
	// int32; lse is the logarithm of the row's sum of exponentials.
	LinearCrossEntropy(loss, lse, x, w, b, targets *tensor.Tensor)
	// LinearCrossEntropyGrad computes the logits again, for
	// d = (softmax(logits) - onehot(targets)) * dloss: dx = d w, dw = d^T x, db =
	// the sum of d's rows.
	LinearCrossEntropyGrad(dx, dw, db, x, w, b, lse, targets, dloss *tensor.Tensor)
}

// Preparer lays out weights once for all products to come.
type Preparer interface {
	// Prepare keeps the matrix w, often a transpose, in the form that products
	// a w with some rows in a read fastest, beside w and as large: for weights
	// that stay as they are, while several samples are decoded. It changes how
	// products are computed, not what they are but for rounding. What is kept
	// goes when w's buffer is freed, or written by a method of Backend, Adamer or
	// Descender; preparing it twice costs no more memory.
	Prepare(w *tensor.Tensor)
}

// Dropper multiplies by a dropout site's mask without storing it. It is its
// own gradient.
type Dropper interface {
	Dropout(dst, x *tensor.Tensor, d Dropout)
}

// LSTMCall are the operands of a one-layer LSTM over a sequence, gates in the
// order i, f, g, o:
//
//	z = Wih x_t + bih + Whh h + bhh
//	c = s(z_f)*c + s(z_i)*tanh(z_g);  h = s(z_o)*tanh(c)
type LSTMCall struct {
	X                  *tensor.Tensor // (T, B, I)
	H0, C0             *tensor.Tensor // (B, H)
	Wih, Whh, Bih, Bhh *tensor.Tensor // (4H, I), (4H, H), (4H), (4H)
	Y                  *tensor.Tensor // (T, B, H) written
	HN, CN             *tensor.Tensor // (B, H) written
	Gates              *tensor.Tensor // (T, B, 4H) written: activations; overwritten by LSTMGrad
	Cells              *tensor.Tensor // (T, B, H) written: c after each step
}

// LSTMGrads are the gradients of an LSTM's results (nil where there is none)
// and those wanted of its operands. DBias is the gradient
// of either bias, since both enter the same sum.
type LSTMGrads struct {
	DY                *tensor.Tensor // (T, B, H)
	DHN, DCN          *tensor.Tensor // (B, H)
	DX, DH0, DC0      *tensor.Tensor
	DWih, DWhh, DBias *tensor.Tensor
}

// Inner is the type in which a backend keeps the inner activations of fused
// kernels, which nobody else reads: LSTMCall.Gates and Boom's u. Without it they
// are of the operands' type.
type Inner interface {
	Inner(operands tensor.DType) tensor.DType
}

// Chooser measures which of several ways to compute is the fastest on its
// device. The ways differ in rounding, so that a run which is resumed goes on
// with those that it began with.
type Chooser interface {
	// Choices are those made so far: the way by the work's name.
	Choices() map[string]string
	// Choose makes choices ahead of measurement; an error where the device or the
	// backend does not have such a way.
	Choose(map[string]string) error
}

// Grapher gives many kernels to its device as one piece of work.
type Grapher interface {
	// Graph runs f, which computes and writes but neither reads nor waits, and
	// queues all that it asked for. What f did last time is used again where it
	// has the same form: for decoding, token by token.
	Graph(f func())
}

// Graph runs f, as one piece of work where b is a Grapher.
func Graph(b Backend, f func()) {
	if g, ok := b.(Grapher); ok {
		g.Graph(f)
		return
	}
	f()
}

// LSTMer runs a whole sequence. Where the rest is float32, Wih and Whh may be
// bfloat16 or Int8; no gradient of theirs is then asked for.
type LSTMer interface {
	LSTM(c *LSTMCall)
	LSTMGrad(c *LSTMCall, g *LSTMGrads)
}

// AttentionCall are the operands of causal attention whose keys and values
// come in pieces, oldest first: S rows in all, of which the last T are the
// queries' own segment, so query t sees rows 0 to S-T+t.
//
//	P = softmax(Scale * Q K^T), Out = drop(P) drop(V)
type AttentionCall struct {
	Q       *tensor.Tensor   // (B, heads, T, D) view
	K, V    []*tensor.Tensor // pieces (B, heads, Si, D) views
	Scale   float64
	Weights Dropout        // over (B, heads, T, S)
	Values  Dropout        // over (S, B, heads*D)
	Out     *tensor.Tensor // (B, heads, T, D) view, written
	LSE     *tensor.Tensor // (B, heads, T) written: log of the sum of exponentials
}

// AttentionGrads are the gradient of Out and those wanted of Q and each piece.
type AttentionGrads struct {
	DOut   *tensor.Tensor // view
	DQ     *tensor.Tensor
	DK, DV []*tensor.Tensor // views; entries may be nil
}

// Attender computes attention in blocks, never holding all scores.
type Attender interface {
	Attention(c *AttentionCall)
	AttentionGrad(c *AttentionCall, g *AttentionGrads)
}

// Boomer is the Boom layer in one pass: u = x w^T + b, y = the sum over j of
// columns j*H to (j+1)*H of drop(GELU(u)); columns past the last whole chunk
// are dropped.
type Boomer interface {
	// Boom: y, x (N, H), u (N, F), w (F, H), b (F). Where the rest is float32, w
	// may be bfloat16 or Int8.
	Boom(y, u, x, w, b *tensor.Tensor, d Dropout)
	// BoomGrad: du (N, F) from u and dy (N, H); du may be u.
	BoomGrad(du, u, dy *tensor.Tensor, d Dropout)
}

// Adam are the constants of an Adam or LAMB direction; C1 and C2 divide the
// moments (bias correction, 1 for none).
type Adam struct {
	Beta1, Beta2, Eps, WeightDecay float64
	C1, C2                         float64
}

// Adamer advances the moments and the direction in one pass:
// m = beta1 m + (1-beta1) g; v = beta2 v + (1-beta2) g^2;
// u = (m/C1)/(sqrt(v/C2)+eps) + wd p. u may be g.
type Adamer interface {
	AdamDirection(u, m, v, p, g *tensor.Tensor, a Adam)
}

// SquareSummer folds several tensors of one dtype in one call.
type SquareSummer interface {
	// SumSquares: dst[i] is the sum of the squares of xs[i], as Reduce gives it;
	// where xs[i] is nil it is left as it is.
	SumSquares(dst *tensor.Tensor, xs []*tensor.Tensor)
}

// Descender moves several tensors of one dtype in one call.
type Descender interface {
	// Descend: xs[i] -= rates[i] * us[i], but for those whose us[i] is nil.
	Descend(xs, us []*tensor.Tensor, rates []float64)
}
