package backend

import "github.com/tiller-ml/tiller/tensor"

// Floats reads a tensor of float32 or float64, contiguous or not, as float64.
func Floats(b Backend, t *tensor.Tensor) ([]float64, error) {
	if t.DType == tensor.Float64 {
		return Data[float64](b, t)
	}
	narrow, err := Data[float32](b, t)
	wide := make([]float64, len(narrow))
	for i, v := range narrow {
		wide[i] = float64(v)
	}
	return wide, err
}
