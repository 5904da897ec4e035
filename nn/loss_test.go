package nn_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/autograd/gradcheck"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/tensor"
)

// splitCases are adaptive softmaxes over 12 symbols.
var splitCases = []struct {
	splits  []int
	targets []int32
}{
	{[]int{5}, []int32{0, 4, 5, 11, 7, 7}},
	{[]int{5}, []int32{1, 4, 0}}, // nobody in the tail
	{[]int{5}, []int32{5, 11}},   // nobody in the head
	{[]int{3, 7}, []int32{0, 2, 3, 6, 7, 11, 1}},
	{[]int{3, 7}, []int32{8, 0, 9, 2}}, // nobody in the first tail
	{[]int{3, 7}, []int32{4, 5, 1}},    // nobody in the last
	{[]int{2, 3, 9}, []int32{1, 2, 3, 8, 9, 11, 0, 2}},
	{[]int{1, 2, 11}, []int32{0, 1, 5, 11}}, // groups of one symbol
	{[]int{2, 3, 9}, []int32{10}},
}

func open(t *testing.T) backend.Backend {
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// splitSoftmax is an adaptive softmax and what it works on, all random.
type splitSoftmax struct {
	*nn.SplitCrossEntropy
	hidden, weight, bias *tensor.Tensor // (N, H), (V, H), (V)
}

func newSplitSoftmax(t *testing.T, b backend.Backend, rows int, splits []int) splitSoftmax {
	const H, V = 4, 12
	s := splitSoftmax{
		nn.NewSplitCrossEntropy(b, tensor.Float64, H, splits...),
		backend.New(b, tensor.Float64, rows, H), backend.New(b, tensor.Float64, V, H), backend.New(b, tensor.Float64, V),
	}
	for i, x := range s.all() {
		b.Random(x, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{Seed: 3, Site: uint32(i)})
	}
	t.Cleanup(func() { backend.Release(b, s.all()...) })
	return s
}

func (s splitSoftmax) all() []*tensor.Tensor {
	return []*tensor.Tensor{s.hidden, s.weight, s.bias, s.TailVectors.Value, s.TailBias.Value}
}

func (s splitSoftmax) loss(tape *autograd.Tape, targets []int32) *autograd.Var {
	return s.Loss(tape.Leaf(s.hidden), tape.Leaf(s.weight), tape.Leaf(s.bias), targets)
}

func TestSplitCrossEntropyGradients(t *testing.T) {
	for _, c := range splitCases {
		t.Run(fmt.Sprint(c.splits, c.targets), func(t *testing.T) {
			b := open(t)
			s := newSplitSoftmax(t, b, len(c.targets), c.splits)
			assert.NoError(t, gradcheck.Func(b, func(tape *autograd.Tape) *autograd.Var { return s.loss(tape, c.targets) }, s.all()...))
		})
	}
}

// Probabilities add up to 1, and the losses are those of the targets.
func TestSplitCrossEntropyLogProb(t *testing.T) {
	for _, c := range splitCases {
		t.Run(fmt.Sprint(c.splits, c.targets), func(t *testing.T) {
			b := open(t)
			s := newSplitSoftmax(t, b, len(c.targets), c.splits)
			tape := autograd.NewTape(b)
			defer tape.Free()
			hidden, weight, bias := tape.Leaf(s.hidden), tape.Leaf(s.weight), tape.Leaf(s.bias)
			logProb, err := backend.Data[float64](b, s.LogProb(hidden, weight, bias).Value)
			require.NoError(t, err)
			losses, err := s.Losses(hidden, weight, bias, c.targets)
			require.NoError(t, err)
			mean, err := backend.Data[float64](b, s.loss(tape, c.targets).Value)
			require.NoError(t, err)

			sum, V := 0.0, len(logProb)/len(c.targets)
			require.Equal(t, 12, V)
			for n, target := range c.targets {
				row, whole := logProb[n*V:(n+1)*V], 0.0
				for _, p := range row {
					whole += math.Exp(p)
				}
				assert.InDelta(t, 1, whole, 1e-12)
				assert.InDelta(t, -row[target], losses[n], 1e-12)
				sum += losses[n]
			}
			assert.InDelta(t, sum/float64(len(c.targets)), mean[0], 1e-12)
		})
	}
}

// Tombstones stand in the head in the order of the reference's: the last is the
// first group's. Where all else is 0, a symbol of the head has 1 of 1+1+1+2+5.
func TestSplitCrossEntropyOrder(t *testing.T) {
	b := open(t)
	s := newSplitSoftmax(t, b, 1, []int{3, 7})
	for _, x := range []*tensor.Tensor{s.hidden, s.bias} {
		b.Fill(x, 0)
	}
	require.NoError(t, b.Write(s.TailBias.Value, tensor.Bytes([]float64{math.Log(2), math.Log(5)})))
	for target, want := range map[int32]float64{0: 1. / 10, 2: 1. / 10, 3: 5. / 10 / 4, 6: 5. / 10 / 4, 7: 2. / 10 / 5, 11: 2. / 10 / 5} {
		tape := autograd.NewTape(b)
		loss, err := backend.Data[float64](b, s.loss(tape, []int32{target}).Value)
		require.NoError(t, err)
		assert.InDelta(t, -math.Log(want), loss[0], 1e-12, "%d", target)
		tape.Free()
	}
}

func TestNewSplitCrossEntropyPanics(t *testing.T) {
	b := open(t)
	for _, splits := range [][]int{{0}, {-1, 3}, {3, 3}, {5, 2}} {
		build := func() (err error) {
			defer tensor.Catch(&err)
			nn.NewSplitCrossEntropy(b, tensor.Float64, 4, splits...)
			return nil
		}
		assert.ErrorContains(t, build(), "do not increase from 1", "%v", splits)
	}
}
