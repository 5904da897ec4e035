package gemm_test

import (
	"fmt"

	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
)

// The transpose of a factor is a view of it.
func ExampleMul() {
	x := gemm.RowMajor([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	w := gemm.RowMajor([]float32{1, 0, 1, 0, 1, 0}, 2, 3) // of a layer: outputs x inputs
	y := gemm.RowMajor(make([]float32, 4), 2, 2)
	gemm.Mul(nil, y, x, w.T(), 1, 0)
	fmt.Println(y.Data)
	// Output: [4 2 10 5]
}

func ExamplePacked() {
	w := gemm.Pack(nil, gemm.RowMajor([]float32{1, 2, 3, 4}, 2, 2))
	h := gemm.RowMajor([]float32{1, 1}, 1, 2)
	sum := gemm.RowMajor([]float32{10, 20}, 1, 2)
	w.Mul(nil, sum, h, 1)
	fmt.Println(sum.Data)
	// Output: [14 26]
}
