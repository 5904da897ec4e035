package onnx

import (
	"encoding/binary"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// fields are a decoded message: numbers (uint64) and bytes by field, in order.
type fields map[protowire.Number][]any

func decode(t *testing.T, b []byte) fields {
	f := fields{}
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		require.Positive(t, n, "a tag")
		b = b[n:]
		var v any
		switch kind {
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(b)
			v = uint64(bits)
		case protowire.BytesType:
			v, n = protowire.ConsumeBytes(b)
		}
		require.Positive(t, n, "field %d of type %d", field, kind)
		b = b[n:]
		f[field] = append(f[field], v)
	}
	return f
}

func (f fields) texts(field protowire.Number) []string {
	var out []string
	for _, v := range f[field] {
		out = append(out, string(v.([]byte)))
	}
	return out
}

func (f fields) text(field protowire.Number) string {
	if len(f[field]) == 0 {
		return ""
	}
	return string(f[field][0].([]byte))
}

func (f fields) number(field protowire.Number) int64 {
	if len(f[field]) == 0 {
		return 0
	}
	return int64(f[field][0].(uint64))
}

func (f fields) messages(t *testing.T, field protowire.Number) []fields {
	var out []fields
	for _, v := range f[field] {
		out = append(out, decode(t, v.([]byte)))
	}
	return out
}

func (f fields) pairs(t *testing.T, field protowire.Number) map[string]string {
	out := map[string]string{}
	for _, p := range f.messages(t, field) {
		out[p.text(1)] = p.text(2)
	}
	return out
}

// parsed is a decoded model.
type parsed struct {
	file            fields
	nodes           []fields
	tensors         map[string]fields
	inputs, outputs map[string][]any // dimensions
}

func parse(t *testing.T, path string) parsed {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	p := parsed{file: decode(t, data), tensors: map[string]fields{}}
	g := p.file.messages(t, 7)
	require.Len(t, g, 1)
	p.nodes = g[0].messages(t, 1)
	for _, x := range g[0].messages(t, 5) {
		require.NotContains(t, p.tensors, x.text(8), "a tensor comes twice")
		p.tensors[x.text(8)] = x
	}
	p.inputs, p.outputs = values(t, g[0].messages(t, 11)), values(t, g[0].messages(t, 12))
	return p
}

// values are the dimensions of inputs or outputs, with the type before them.
func values(t *testing.T, list []fields) map[string][]any {
	out := map[string][]any{}
	for _, v := range list {
		kind := v.messages(t, 2)[0].messages(t, 1)[0]
		dims := []any{elemType(kind.number(1))}
		for _, d := range kind.messages(t, 2)[0].messages(t, 1) {
			if len(d[2]) > 0 {
				dims = append(dims, d.text(2))
				continue
			}
			dims = append(dims, int(d.number(1)))
		}
		out[v.text(1)] = dims
	}
	return out
}

// floats are a tensor's data.
func floats(t *testing.T, x fields) []float32 {
	raw := x[9][0].([]byte)
	out := make([]float32, len(raw)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out
}
