package gpt2

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// hashRows is how many rows of a matrix enter the hash.
const hashRows = 16

// digest is SHA-256 of the names, types and shapes of weights, of all vectors,
// and of rows from all over each matrix: training changes them all, and a large
// model's hash costs milliseconds.
type digest struct{ hash.Hash }

func newHash() digest { return digest{sha256.New()} }

func (d digest) add(name string, x *safetensors.Tensor) {
	fmt.Fprintf(d, "%s %s %v\n", name, x.DType, x.Shape)
	if len(x.Shape) < 2 {
		d.Write(x.Data)
		return
	}
	rows := x.Shape[0]
	size := len(x.Data) / rows
	for i := range min(hashRows, rows) {
		at := i * rows / min(hashRows, rows)
		d.Write(x.Data[at*size : (at+1)*size])
	}
}

func (d digest) sum() string { return hex.EncodeToString(d.Sum(nil)) }
