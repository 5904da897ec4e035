package onnx

import (
	"fmt"
	"math"

	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/sharnn"
)

// decoder adds [sharnn.Model.Logits] for hidden states h (T, B, H).
func (e *exporter) decoder(m *sharnn.Model, h string) string {
	scores := e.linear("decoder", h, m.Encoder.Weight, m.Decoder) // (T*B, V)
	if m.Split != nil {
		tombstones := e.linear("tombstones", h, m.Split.TailVectors, m.Split.TailBias) // (T*B, groups-1)
		scores = e.split(m.Split.Splits, scores, tombstones)
	}
	return e.reshape("logits", scores, m.Config.Symbols)
}

// split adds [nn.SplitCrossEntropy.LogProb] for the scores of all symbols: a
// softmax over each group's, and the groups' own from the head's.
func (e *exporter) split(splits []int, scores, tombstones string) string {
	first := e.columns("head.symbols", scores, 0, splits[0])
	joined := e.apply("Concat", "head.scores", []string{first, tombstones}, attribute{"axis", 1})
	head := e.apply("LogSoftmax", "head", []string{joined}, attribute{"axis", 1})
	parts := []string{e.columns("group.0", head, 0, splits[0])}
	for i, from := range splits {
		to, at := math.MaxInt64, splits[0]+len(splits)-1-i // the tombstones stand in reverse
		if i+1 < len(splits) {
			to = splits[i+1]
		}
		name := fmt.Sprintf("group.%d", i+1)
		within := e.apply("LogSoftmax", name+".within", []string{e.columns(name+".scores", scores, from, to)}, attribute{"axis", 1})
		parts = append(parts, e.apply("Add", name, []string{within, e.columns(name+".share", head, at, at+1)}))
	}
	return e.apply("Concat", "logprobs", parts, attribute{"axis", 1})
}

// columns takes the columns [from, to) of x.
func (e *exporter) columns(name, x string, from, to int) string {
	return e.apply("Slice", name, []string{x, e.ints(int64(from)), e.ints(int64(to)), e.ints(1)})
}

// linear makes (T*B, O) of x (T, B, I).
func (e *exporter) linear(name, x string, weight, bias *nn.Param) string {
	flat := e.apply("Reshape", name+".in", []string{x, e.ints(-1, int64(weight.Value.Dim(1)))})
	return e.apply("Gemm", name, []string{flat, e.param(weight), e.param(bias)}, attribute{"transB", 1})
}
