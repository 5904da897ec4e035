package gpt2

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// hashRows is how many rows of a matrix enter the hash.
const hashRows = 16

// digest is SHA-256 of the names and shapes of weights, of all vectors, and of
// rows from all over each matrix, the numbers as float32: training changes them
// all, a large model's hash costs milliseconds, and equal numbers have the same
// hash whatever type a file stores them in.
type digest struct{ hash.Hash }

func newHash() digest { return digest{sha256.New()} }

func (d digest) add(name string, x *safetensors.Tensor) error {
	fmt.Fprintf(d, "%s %s %v\n", name, safetensors.F32, x.Shape)
	if len(x.Shape) < 2 {
		return d.numbers(x.DType, x.Data)
	}
	rows := x.Shape[0]
	size := len(x.Data) / rows
	for i := range min(hashRows, rows) {
		at := i * rows / min(hashRows, rows)
		if err := d.numbers(x.DType, x.Data[at*size:(at+1)*size]); err != nil {
			return err
		}
	}
	return nil
}

// numbers adds elements of a type as float32.
func (d digest) numbers(dtype safetensors.DType, data []byte) error {
	if dtype == safetensors.F32 {
		d.Write(data)
		return nil
	}
	x := safetensors.Tensor{DType: dtype, Shape: []int{len(data) / dtype.Size()}, Data: data}
	narrow, err := x.Float32s()
	if err != nil {
		return err
	}
	d.Write(tensor.Bytes(narrow))
	return nil
}

func (d digest) sum() string { return hex.EncodeToString(d.Sum(nil)) }
