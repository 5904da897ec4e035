//go:build cgo && linux

package cuda

// #include "device.h"
import "C"

// Type is an element type, as cuBLAS numbers them.
type Type int

// The element types of products.
const (
	F32  Type = 0
	F64  Type = 1
	BF16 Type = 14
)

// Compute is what a product is computed in.
type Compute int

// The ways to compute products: float32, float64, and float32 with factors
// rounded to ten bits.
const (
	Compute32   Compute = 68
	Compute64   Compute = 70
	ComputeTF32 Compute = 77
)

// Matrix is a factor of a product, or its result, column-major: column j of
// entry e begins at element j*LD + e*Stride.
type Matrix struct {
	At        Ptr
	Type      Type
	LD        int
	Stride    int
	Transpose bool // of factors alone
}

// Multiply queues c = alpha op(a) op(b) + beta c for each entry of a batch:
// op(a) is m x k, op(b) k x n, c m x n.
func (v *Device) Multiply(m, n, k int, a, b, c Matrix, alpha, beta float64, batch int, compute Compute) error {
	p := C.cuda_product{
		transa: flag(a.Transpose), transb: flag(b.Transpose), m: C.int(m), n: C.int(n), k: C.int(k),
		a: C.CUdeviceptr(a.At), b: C.CUdeviceptr(b.At), c: C.CUdeviceptr(c.At),
		atype: C.int(a.Type), btype: C.int(b.Type), ctype: C.int(c.Type),
		lda: C.int(a.LD), ldb: C.int(b.LD), ldc: C.int(c.LD),
		stridea: C.longlong(a.Stride), strideb: C.longlong(b.Stride), stridec: C.longlong(c.Stride),
		batch: C.int(batch), compute: C.int(compute), alpha: C.double(alpha), beta: C.double(beta),
	}
	v.note(formProduct, uint64(m), uint64(n), uint64(k), uint64(batch))
	r := C.cuda_multiply(&v.c, &p)
	if r == 0 {
		return nil
	}
	text := C.GoString(C.cuda_blas_text(&v.c, r))
	return &Error{Call: "cublasGemmStridedBatchedEx", Code: int(r), Text: text}
}

// Workspace gives cuBLAS its working memory, which stays the caller's. Products
// are then repeatable and may be captured.
func (v *Device) Workspace(p Ptr, bytes int) error {
	r := C.cuda_workspace(&v.c, C.CUdeviceptr(p), C.size_t(bytes))
	if r == 0 {
		return nil
	}
	return &Error{Call: "cublasSetWorkspace_v2", Code: int(r), Text: C.GoString(C.cuda_blas_text(&v.c, r))}
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
