package cpu

import (
	"math"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu/internal/vec"
	"github.com/tiller-ml/tiller/tensor"
)

// foldStart is the fold of no elements.
func foldStart[T tensor.Elem](f backend.Reduce) float64 {
	if f != backend.Max {
		return 0
	}
	if tensor.DTypeOf[T]() == tensor.Int32 {
		return math.MinInt32
	}
	return math.Inf(-1)
}

// folder folds a slice to one number.
func folder[T tensor.Elem](f backend.Reduce) func(x []T) float64 {
	if each, ok := any(vecFolds[f]).(func(x []T) float64); ok {
		return each
	}
	switch f {
	case backend.Sum:
		return sumEach[T]
	case backend.Max:
		return maxEach[T]
	case backend.SumSquares:
		return sumSquaresEach[T]
	}
	panic(&tensor.Error{Op: "Reduce", Msg: "unknown fold"})
}

var vecFolds = [backend.ReduceKinds]func(x []float32) float64{
	backend.Sum:        vec.SumFloat64,
	backend.Max:        func(x []float32) float64 { return float64(vec.Max(x)) },
	backend.SumSquares: vec.SumSquares,
}

func sumEach[T tensor.Elem](x []T) float64 {
	var s float64
	for _, v := range x {
		s += float64(v)
	}
	return s
}

func maxEach[T tensor.Elem](x []T) float64 {
	m := foldStart[T](backend.Max)
	for _, v := range x {
		m = max(m, float64(v))
	}
	return m
}

func sumSquaresEach[T tensor.Elem](x []T) float64 {
	var s float64
	for _, v := range x {
		s += float64(float64(v) * float64(v))
	}
	return s
}

// nearFold folds two rows in T, where that is exact enough and faster.
func nearFold[T tensor.Elem](f backend.Reduce) func(dst, x, y []T) {
	near, _ := any(vecRows[f]).(func(dst, x, y []T))
	return near
}

var vecRows = [backend.ReduceKinds]func(dst, x, y []float32){backend.Sum: vec.Add, backend.Max: vec.Max2}

// farFold folds a row into float64 totals.
func farFold[T tensor.Elem](f backend.Reduce) func(total []float64, row []T) {
	switch f {
	case backend.Sum:
		return func(total []float64, row []T) {
			for i, v := range row {
				total[i] += float64(v)
			}
		}
	case backend.Max:
		return func(total []float64, row []T) {
			for i, v := range row {
				total[i] = max(total[i], float64(v))
			}
		}
	case backend.SumSquares:
		return func(total []float64, row []T) {
			for i, v := range row {
				total[i] += float64(float64(v) * float64(v))
			}
		}
	}
	panic(&tensor.Error{Op: "Reduce", Msg: "unknown fold"})
}
