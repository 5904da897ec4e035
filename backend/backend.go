package backend

import "github.com/tiller-ml/tiller/tensor"

// Backend allocates tensors' elements and computes with them.
type Backend interface {
	Name() string

	// Alloc returns a buffer of n elements with undefined values from the
	// backend's own pool. n is a multiple of the dtype's Block.
	Alloc(dtype tensor.DType, n int) (tensor.Buffer, error)
	// Free gives a buffer back to the pool. It must not be used afterwards.
	Free(tensor.Buffer)

	// Write copies elements (row-major, in the host's byte order; of Int8 whole
	// blocks) into dst. A wrong number of bytes, here and in Read, is the
	// caller's mistake.
	Write(dst *tensor.Tensor, src []byte) error
	// Read copies the elements of src, row-major, into dst.
	Read(dst []byte, src *tensor.Tensor) error
	// Sync waits for the kernels given so far and returns the first fault.
	Sync() error
	Close() error

	// Copy writes src to dst, which has its shape and may have another dtype.
	// Floats become int32 by truncation; NaN and what int32 cannot hold become
	// anything. To bfloat16 they are rounded to nearest even.
	//
	// Int8 is copied to and from Int8 and float32 alone. A block's scale becomes
	// the largest magnitude among its elements divided by 127, in float32, and q
	// the integer nearest to the element divided by it, ties to even; where the
	// scale is 0, q is 0. A block with NaN or an infinity becomes all NaN.
	Copy(dst, src *tensor.Tensor)
	// Fill writes one value to every element of dst.
	Fill(dst *tensor.Tensor, value float64)

	// Unary is dst = f(x), elementwise over one shape.
	Unary(f Unary, dst, x *tensor.Tensor)
	// Binary is dst = f(x, y), elementwise; x and y broadcast to dst's shape.
	Binary(f Binary, dst, x, y *tensor.Tensor)
	// Select is dst = cond != 0 ? x : y; cond is int32, all broadcast to dst.
	Select(dst, cond, x, y *tensor.Tensor)
	// Reduce folds x over the axes where dst has length 1 and x has not; both
	// have the same rank. The order of the fold depends on the shapes alone.
	// Where the backend's Inner is bfloat16, the Sum of such an x may go to
	// float32.
	Reduce(f Reduce, dst, x *tensor.Tensor)

	// MatMul is dst = a b, or dst += a b: dst (..., M, N), a (..., M, K),
	// b (..., K, N). Leading axes of a and b broadcast to dst's. A transposed
	// factor is a view with swapped strides. NaN and Inf are carried: 0 x NaN
	// is NaN.
	//
	// b may also be a matrix (K, N) of bfloat16 or Int8, its rows dense, or the
	// transpose of such a matrix, with a and dst of float32: it is used as it
	// lies, both ways round, and never converted as a whole.
	//
	// Where the backend's Inner is bfloat16, a may be that beside a dst of
	// float32 and any b that goes with it.
	MatMul(dst, a, b *tensor.Tensor, accumulate bool)

	// Gather is dst[i...] = table[index[i...]]: table (V, ...), index int32
	// (I...), dst (I..., ...). Indices lie in [0, V). A table of bfloat16 or
	// Int8 with two axes may be read into a float32 dst.
	Gather(dst, table, index *tensor.Tensor)
	// ScatterAdd is dst[index[i...]] += src[i...], the transpose of Gather,
	// summed in the order of i, so that it gives the same bits each time.
	ScatterAdd(dst, src, index *tensor.Tensor)

	// Random fills dst (contiguous) from the stream of key: element i is the
	// distribution's function of the stream's number i.
	Random(dst *tensor.Tensor, d Dist, key tensor.Key)
}

// UnaryKind names an elementwise function of one tensor.
type UnaryKind uint8

// The unary functions. GELU is x*s(1.702x), the reference SHA-RNN's; GELUTanh
// is x/2*(1+tanh(sqrt(2/pi)*(x+0.044715x^3))), GPT-2's; s is the logistic
// function. Affine and Power use the constants of [Unary].
const (
	Affine UnaryKind = iota // A*x + B
	Power                   // x^A
	Exp
	Log
	Sqrt
	Tanh
	Logistic
	GELU
	GELUTanh
	UnaryKinds // their number
)

// Unary is an elementwise function with its constants.
type Unary struct {
	Kind UnaryKind
	A, B float64
}

// Binary names an elementwise function of two tensors.
type Binary uint8

// The binary functions. Less and Equal write int32 ones and zeros. The last
// four are gradient rules: each takes y = f(x) or x, as named, and the gradient
// g of f's result, and gives the gradient of x.
const (
	Add Binary = iota
	Sub
	Mul
	Div
	Less         // x < y, to int32
	Equal        // x == y, to int32
	TanhGrad     // (y, g): g*(1-y^2)
	LogisticGrad // (y, g): g*y*(1-y)
	GELUGrad     // (x, g)
	GELUTanhGrad // (x, g)
	BinaryKinds  // their number
)

// Reduce names a fold.
type Reduce uint8

// The folds. SumSquares accumulates in float64 and rounds once.
const (
	Sum Reduce = iota
	Max
	SumSquares
	ReduceKinds // their number
)

// DistKind names a distribution.
type DistKind uint8

// The distributions. Mask is a dropout multiplier with P = A: with keep the
// float32 nearest to 1-P, element i is 1/keep, in the destination's dtype, where
// Key.Uniform(i) < keep, else 0. Normal's numbers are rounded from float64.
const (
	Uniform   DistKind = iota // [A, B)
	Normal                    // mean A, standard deviation B
	Mask                      // dropout with P = A
	DistKinds                 // their number
)

// Dist is a distribution with its constants.
type Dist struct {
	Kind DistKind
	A, B float64
}

// Dropout is the multiplier of one dropout site: absent when P is 0 and Mask
// nil; else Mask where a caller supplies the multipliers, else the Mask
// distribution's numbers for Key. Elements are counted row-major over the
// site's shape. Masks carry no gradient.
type Dropout struct {
	P    float64
	Key  tensor.Key
	Mask *tensor.Tensor
}

// On tells whether there is anything to multiply by.
func (d Dropout) On() bool { return d.P > 0 || d.Mask != nil }
