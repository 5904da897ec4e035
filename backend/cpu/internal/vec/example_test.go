package vec_test

import (
	"fmt"

	"github.com/tiller-ml/tiller/backend/cpu/internal/vec"
)

// The softmax of a row, safe from overflow.
func ExampleExpSum() {
	row := []float32{1000, 1001, 1002}
	sum := vec.ExpSum(row, row, vec.Max(row))
	vec.Affine(row, row, 1/sum, 0)
	fmt.Printf("%.4f\n", row)
	// Output: [0.0900 0.2447 0.6652]
}
