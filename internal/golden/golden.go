// Package golden gives tests the reference programs' numbers: a folder for each
// case, with case.json (configuration, expected scalars) and
// tensors.safetensors. The folders lie under the path in TILLER_GOLDEN, by
// default the project's testdata/golden; tests range over what they find there
// and take every size from the cases.
package golden

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// Case is one folder.
type Case struct {
	Name     string
	Dir      string
	DType    tensor.DType
	Float    float64           // relative tolerance of values and gradients in the case's dtype
	Document []byte            // case.json
	file     *safetensors.File // nil where the case has no tensors
}

// documentFile is what makes a folder a case.
const documentFile = "case.json"

// Each runs f on every case of a set ("sharnn", "pplm") of the given kinds,
// one subtest each, and fails where there is none.
func Each(t *testing.T, set string, f func(t *testing.T, c *Case), kinds ...string) {
	found := 0
	for _, name := range Names(t, set) {
		if !claims(kinds, name) {
			continue
		}
		found++
		t.Run(name, func(t *testing.T) { f(t, open(t, set, name)) })
	}
	require.NotZero(t, found, "no case of %v", kinds)
}

// Backend is one that start returns, until the test ends.
func Backend(t *testing.T, start func() (backend.Backend, error)) backend.Backend {
	t.Helper()
	b, err := start()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	return b
}

// claims tells whether name is one of kinds; a kind that ends in * claims every
// name that begins with it.
func claims(kinds []string, name string) bool {
	for _, k := range kinds {
		if name == k || strings.HasSuffix(k, "*") && strings.HasPrefix(name, strings.TrimSuffix(k, "*")) {
			return true
		}
	}
	return false
}

// Names are the case folders of a set. One without case.json, such as a model
// that cases share, is none.
func Names(t *testing.T, set string) []string {
	entries, err := os.ReadDir(filepath.Join(root(t), set))
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		_, err := os.Stat(filepath.Join(root(t), set, e.Name(), documentFile))
		if err == nil {
			names = append(names, e.Name())
		}
	}
	require.NotEmpty(t, names)
	return names
}

// root is the folder that holds the sets. Tests run in their package's folder,
// so the project's own copy is found by walking up to go.mod.
func root(t *testing.T) string {
	if dir := os.Getenv("TILLER_GOLDEN"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "testdata", "golden")
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, parent, dir, "no go.mod above the test")
		dir = parent
	}
}

func open(t *testing.T, set, name string) *Case {
	dir := filepath.Join(root(t), set, name)
	document, err := os.ReadFile(filepath.Join(dir, documentFile))
	require.NoError(t, err)
	c := &Case{Name: name, Dir: dir, DType: tensor.Float64, Float: 1e-10, Document: document}
	var head struct {
		DType string `json:"dtype"`
	}
	c.Decode(t, &head)
	if head.DType == "float32" {
		c.DType, c.Float = tensor.Float32, 2e-5
	}
	c.file, err = safetensors.Open(filepath.Join(dir, "tensors.safetensors"))
	if errors.Is(err, fs.ErrNotExist) {
		return c
	}
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.file.Close()) })
	return c
}

// Decode reads case.json into v.
func (c *Case) Decode(t *testing.T, v any) { require.NoError(t, json.Unmarshal(c.Document, v)) }

// Has tells whether the case has a tensor.
func (c *Case) Has(name string) bool {
	_, err := c.file.Lookup(name)
	return err == nil
}

// With are the names of the tensors that begin with prefix, without it.
func (c *Case) With(prefix string) []string {
	var names []string
	for _, t := range c.file.Tensors {
		if name, ok := strings.CutPrefix(t.Name, prefix); ok {
			names = append(names, name)
		}
	}
	return names
}

// Numbers are a tensor's elements.
func (c *Case) Numbers(t *testing.T, name string) []float64 {
	x, err := c.file.Lookup(name)
	require.NoError(t, err)
	data, err := x.Float64s()
	require.NoError(t, err)
	return data
}

// Ints are the elements of an integer tensor.
func (c *Case) Ints(t *testing.T, name string) []int32 {
	x, err := c.file.Lookup(name)
	require.NoError(t, err)
	data, err := x.Int32s()
	require.NoError(t, err)
	return data
}

// Shape of a tensor.
func (c *Case) Shape(t *testing.T, name string) []int {
	x, err := c.file.Lookup(name)
	require.NoError(t, err)
	return x.Shape
}

// Tensor puts a tensor of the case on a backend, in the case's dtype or int32,
// until the test ends. A shape, where given, must have as many elements.
func (c *Case) Tensor(t *testing.T, b backend.Backend, name string, shape ...int) *tensor.Tensor {
	if len(shape) == 0 {
		shape = c.Shape(t, name)
	}
	x, err := c.file.Lookup(name)
	require.NoError(t, err)
	var out *tensor.Tensor
	if strings.HasPrefix(string(x.DType), "I") {
		out = backend.FromSlice(b, c.Ints(t, name), shape...)
	} else {
		out = backend.New(b, c.DType, shape...)
		Fill(t, b, out, c.Numbers(t, name))
	}
	t.Cleanup(func() { backend.Release(b, out) })
	return out
}

// Fill writes numbers into a float tensor.
func Fill(t *testing.T, b backend.Backend, dst *tensor.Tensor, numbers []float64) {
	wide := backend.FromSlice(b, numbers, dst.Shape...)
	b.Copy(dst, wide)
	backend.Release(b, wide)
}

// Read are a tensor's elements, widened.
func Read(t *testing.T, b backend.Backend, x *tensor.Tensor) []float64 {
	wide := backend.New(b, tensor.Float64, x.Shape...)
	defer backend.Release(b, wide)
	b.Copy(wide, x)
	data, err := backend.Data[float64](b, wide)
	require.NoError(t, err)
	return data
}

// Near wants max|got-want| <= tol*max|want|.
func Near(t *testing.T, want, got []float64, tol float64, what string) {
	t.Helper()
	if !assert.Len(t, got, len(want), what) {
		return
	}
	diff, largest := 0.0, 0.0
	for i, w := range want {
		largest = math.Max(largest, math.Abs(w))
		if d := math.Abs(got[i] - w); !(d <= diff) {
			diff = d
		}
	}
	assert.True(t, diff <= tol*largest, "%s: off by %.3g of %.3g (tolerance %.1g)", what, diff, largest, tol)
}

// Match holds a tensor against the case's tensor of that name.
func (c *Case) Match(t *testing.T, b backend.Backend, name string, got *tensor.Tensor) {
	t.Helper()
	if assert.NotNil(t, got, name) {
		Near(t, c.Numbers(t, name), Read(t, b, got), c.Float, name)
	}
}
