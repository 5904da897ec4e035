package torchfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor/safetensors"
	"github.com/tiller-ml/tiller/tensor/torchfile"
)

var want = []struct {
	name   string
	dtype  safetensors.DType
	shape  []int
	values []float64
}{
	{"f64", safetensors.F64, []int{4}, []float64{1.5, -2.25, 0, 65504}},
	{"f32", safetensors.F32, []int{4}, []float64{1.5, -2.25, 0, 65504}},
	{"f16", safetensors.F16, []int{4}, []float64{1.5, -2.25, 0, 65504}},
	{"bf16", safetensors.BF16, []int{4}, []float64{1.5, -2.25, 0, 65536}},
	{"i64", safetensors.I64, []int{3}, []float64{1, -2, 3}},
	{"i32", safetensors.I32, []int{3}, []float64{1, -2, 3}},
	{"i16", safetensors.I16, []int{3}, []float64{1, -2, 3}},
	{"i8", safetensors.I8, []int{3}, []float64{1, -2, 3}},
	{"u8", safetensors.U8, []int{3}, []float64{1, 254, 3}},
	{"bool", safetensors.Bool, []int{2}, []float64{1, 0}},
	{"scalar", safetensors.F32, []int{}, []float64{3}},
	{"empty", safetensors.F32, []int{0, 3}, []float64{}},
	{"whole", safetensors.F32, []int{3, 4}, []float64{-5.5, -4.5, -3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5}},
	{"transposed", safetensors.F32, []int{4, 3}, []float64{-5.5, -1.5, 2.5, -4.5, -0.5, 3.5, -3.5, 0.5, 4.5, -2.5, 1.5, 5.5}},
	{"part", safetensors.F32, []int{2, 2}, []float64{-0.5, 0.5, 3.5, 4.5}},
	{"column", safetensors.F32, []int{3, 1}, []float64{-3.5, 0.5, 4.5}},
	{"parameter", safetensors.F32, []int{2}, []float64{1, 1}},
	{"inner.3.0", safetensors.F32, []int{1}, []float64{0}},
	{"inner.3.2.0", safetensors.F32, []int{1}, []float64{1}},
}

func TestOpen(t *testing.T) {
	for _, path := range []string{"testdata/zip.pt", "testdata/legacy.pt"} {
		t.Run(path, func(t *testing.T) {
			f, err := torchfile.Open(path)
			require.NoError(t, err)
			var names []string
			for _, w := range want {
				names = append(names, w.name)
				x, err := f.Lookup(w.name)
				require.NoError(t, err)
				values, err := x.Float64s()
				require.NoError(t, err, w.name)
				assert.Equal(t, w.dtype, x.DType, w.name)
				assert.Equal(t, w.shape, x.Shape, w.name)
				assert.Equal(t, w.values, values, w.name)
			}
			assert.Equal(t, names, f.Names)
			_, err = f.Lookup("f33")
			assert.ErrorContains(t, err, path+`: tensor "f33"`)
			require.NoError(t, f.Close())
			require.NoError(t, f.Close())
			_, err = f.Lookup("f32")
			assert.Error(t, err)
		})
	}
}

// Contiguous tensors of one storage are views of the same bytes.
func TestViews(t *testing.T) {
	data, err := os.ReadFile("testdata/zip.pt")
	require.NoError(t, err)
	f, err := torchfile.Parse(data)
	require.NoError(t, err)
	whole, err := f.Lookup("whole")
	require.NoError(t, err)
	before, err := f.Lookup("part")
	require.NoError(t, err)
	clear(whole.Data)
	after, err := f.Lookup("part")
	require.NoError(t, err)
	assert.NotEqual(t, make([]byte, 16), before.Data)
	assert.Equal(t, make([]byte, 16), after.Data)
}

func TestRefused(t *testing.T) {
	legacy, err := os.ReadFile("testdata/legacy.pt")
	require.NoError(t, err)
	zipped, err := os.ReadFile("testdata/zip.pt")
	require.NoError(t, err)
	file := func(name string) []byte {
		data, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		return data
	}
	const preamble = 137 // bytes of the pickles before the object's
	object := func(pickle string) []byte { return append(legacy[:preamble:preamble], pickle...) }
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"nothing", "neither a zip archive nor", nil},
		{"text", "neither a zip archive nor", []byte("hello")},
		{"module", `"torch.nn.modules.linear.Linear", which is refused`, file("module.pt")},
		{"protocol 4", "0x95", file("protocol4.pt")},
		{"bare", "one tensor without a name", file("bare.pt")},
		{"command", `"os.system", which is refused`, object("cos\nsystem\n(X\x02\x00\x00\x00lstR.")},
		{"machine's own classes", `"copy_reg._reconstructor", which is refused`, object("ccopy_reg\n_reconstructor\n.")},
		{"no tensors", "holds no tensors", append(object("}."), "]."...)},
		{"cut in the storages", "do not fit in the 3 bytes", legacy[:len(legacy)-1]},
		{"cut in a pickle", "cut short", legacy[:preamble+40]},
		{"cut zip", "zip", zipped[:len(zipped)-1]},
		{"hostile length", "cut short", object("X\xff\xff\xff\xff.")},
		{"empty stack", "malformed", object("}s.")},
		{"odd items", "malformed", object("}(Nu.")},
		{"zero-length long", "malformed", object("\x8a\x00.")},
		{"itself within", "another place", append(object("}q\x00X\x01\x00\x00\x00ah\x00s."), "]."...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := torchfile.Parse(c.data)
			require.ErrorContains(t, err, c.want)
			path := filepath.Join(t.TempDir(), "x.pt")
			require.NoError(t, os.WriteFile(path, c.data, 0o666))
			_, err = torchfile.Open(path)
			require.ErrorContains(t, err, path)
		})
	}
	var refused *torchfile.GlobalError
	_, err = torchfile.Open("testdata/module.pt")
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "torch.nn.modules.linear.Linear", refused.Global)
	_, err = torchfile.Open(t.TempDir())
	require.ErrorContains(t, err, "not a regular file")
}

// A tensor that does not fit its storage is refused before anything is made of
// its size.
func TestTensorBeyondStorage(t *testing.T) {
	legacy, err := os.ReadFile("testdata/legacy.pt")
	require.NoError(t, err)
	const storage = "((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04NtQ"
	const huge = "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"
	for name, c := range map[string]struct{ view, want string }{
		"too long":         {"K\x00K\x05\x85K\x01\x85", "beyond the 4"},
		"offset":           {"K\x01K\x04\x85K\x01\x85", "beyond the 4"},
		"huge offset":      {huge + "K\x04\x85K\x01\x85", "beyond the 4"},
		"huge":             {"K\x00" + huge + huge + "\x86K\x00K\x00\x86", "larger than memory"},
		"huge stride":      {"K\x00K\x03\x85" + huge + "\x85", "beyond"},
		"overlap":          {"K\x00K\x05\x85K\x00\x85", "overlap"},
		"negative":         {"K\x00J\xff\xff\xff\xff\x85K\x01\x85", "no valid"},
		"negative offset":  {"J\xff\xff\xff\xffK\x01\x85K\x01\x85", "no valid"},
		"strides missing":  {"K\x00K\x01\x85)", "no valid"},
		"not numbers":      {"K\x00N\x85K\x01\x85", "no valid"},
		"too few operands": {"", "arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			tail := "\x89Nt"
			if c.view == "" {
				tail = "t"
			}
			data := append(legacy[:137:137], "ctorch._utils\n_rebuild_tensor_v2\n"+storage+c.view+tail+"R."...)
			_, err := torchfile.Parse(data)
			require.ErrorContains(t, err, c.want)
		})
	}
}
