package torchfile_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor/safetensors"
	"github.com/tiller-ml/tiller/tensor/torchfile"
)

// python is the one that TILLER_PYTHON names, or python3, if it has PyTorch. A
// test that needs it is skipped without, or fails where TILLER_REQUIRE has the
// word torch.
func python(t *testing.T) string {
	name := os.Getenv("TILLER_PYTHON")
	if name == "" {
		name = "python3"
	}
	out, err := exec.CommandContext(t.Context(), name, "-c", "import torch").CombinedOutput()
	if err == nil {
		return name
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	why := "no PyTorch: " + name + ": " + err.Error() + " " + lines[len(lines)-1]
	if slices.Contains(strings.Fields(os.Getenv("TILLER_REQUIRE")), "torch") {
		t.Fatal(why)
	}
	t.Skip(why)
	return ""
}

// reading prints what torch.load makes of a file: each tensor's name, type,
// shape, bytes, and the address of its storage.
const reading = `
import json, sys, torch
tensors = torch.load(sys.argv[1], map_location="cpu", weights_only=True)
assert type(tensors).__name__ == "OrderedDict", type(tensors)
print(json.dumps([[
    name, str(x.dtype), list(x.shape),
    bytes(x.reshape(-1).view(torch.uint8).tolist()).hex() if x.numel() else "", x.data_ptr(),
] for name, x in tensors.items()]))
`

// PyTorch reads what Write writes, in the mode that unpickles nothing but
// tensors.
func TestTorchReads(t *testing.T) {
	program := python(t)
	types := map[safetensors.DType]string{
		safetensors.F64: "torch.float64", safetensors.F32: "torch.float32", safetensors.F16: "torch.float16",
		safetensors.BF16: "torch.bfloat16", safetensors.I64: "torch.int64", safetensors.I32: "torch.int32", safetensors.U8: "torch.uint8",
	}
	path := filepath.Join(t.TempDir(), "w.pt")
	require.NoError(t, torchfile.Write(path, sources(), tie))
	out, err := exec.CommandContext(t.Context(), program, "-c", reading, path).Output()
	require.NoError(t, err)
	var got [][]any
	require.NoError(t, json.Unmarshal(out, &got))
	address := map[string]any{}
	for _, x := range got {
		address[x[0].(string)] = x[4]
	}
	assert.Equal(t, address["b.weight"], address["tied"])
	got = slices.DeleteFunc(got, func(x []any) bool { return x[0] == "tied" })
	require.Len(t, got, len(sources()))
	for i, s := range sources() {
		var data strings.Builder
		require.NoError(t, s.Data(&data))
		shape := []any{}
		for _, d := range s.Shape {
			shape = append(shape, float64(d))
		}
		want := []any{s.Name, types[s.DType], shape, hex.EncodeToString([]byte(data.String()))}
		assert.Equal(t, want, got[i][:4])
		assert.Zero(t, int64(got[i][4].(float64))%16, "alignment of %s", s.Name)
	}
}
