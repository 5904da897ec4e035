//go:build cgo && linux

package cublas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/tensor"
)

// attentionCase is one attention and how it is cut.
type attentionCase struct {
	batch, heads, queries, width int
	pieces                       []int
	weights, values              float64 // dropout
	limits                       attentionLimits
	same                         bool // values are the keys
	unwanted                     []int
	noQ                          bool
}

func (c attentionCase) String() string {
	return fmt.Sprintf("B%d_h%d_T%d_D%d_%v_%v_%v_%v_same=%v_without=%v_noQ=%v", c.batch, c.heads, c.queries, c.width, c.pieces, c.weights, c.values, c.limits, c.same, c.unwanted, c.noQ)
}

var attentionCases = []attentionCase{
	{batch: 1, heads: 1, queries: 5, width: 4, pieces: []int{5}, limits: usualAttention},
	{batch: 2, heads: 3, queries: 7, width: 6, pieces: []int{9, 4, 7}, limits: usualAttention},
	{batch: 2, heads: 3, queries: 20, width: 6, pieces: []int{9, 4, 20}, limits: attentionLimits{bytes: 1, queries: 3, diagonal: 2}},
	{batch: 5, heads: 1, queries: 21, width: 5, pieces: []int{11, 21}, limits: attentionLimits{bytes: 9000, queries: 4, diagonal: 8}, weights: 0.3},
	{batch: 1, heads: 5, queries: 21, width: 5, pieces: []int{11, 21}, limits: attentionLimits{bytes: 9000, queries: 4, diagonal: 8}, values: 0.3},
	{batch: 3, heads: 2, queries: 18, width: 6, pieces: []int{3, 0, 14, 18}, limits: attentionLimits{bytes: 20000, queries: 5, diagonal: 3}, weights: 0.2, values: 0.4, unwanted: []int{0, 2}},
	{batch: 3, heads: 2, queries: 33, width: 8, pieces: []int{20, 10, 5}, limits: attentionLimits{bytes: 20000, queries: 7, diagonal: 4}, weights: 0.2},
	{batch: 2, heads: 1, queries: 16, width: 8, pieces: []int{24, 16}, limits: attentionLimits{bytes: 5000, queries: 4, diagonal: 4}, same: true, unwanted: []int{0}},
	{batch: 2, heads: 2, queries: 9, width: 4, pieces: []int{3, 9}, limits: usualAttention, weights: 0.5, noQ: true},
	{batch: 2, heads: 2, queries: 9, width: 4, pieces: []int{3, 9}, limits: usualAttention, noQ: true, unwanted: []int{0, 1}},
	// Few queries: one span or several, spans that a query does not see, all pieces.
	{batch: 1, heads: 1, queries: 1, width: 1, pieces: []int{1}, limits: usualAttention},
	{batch: 2, heads: 3, queries: 1, width: 8, pieces: []int{70, 1}, limits: usualAttention},
	{batch: 1, heads: 1, queries: 1, width: 1024, pieces: []int{50, 80, 1}, limits: usualAttention, same: true},
	{batch: 1, heads: 2, queries: 1, width: 300, pieces: []int{10, 5, 1}, limits: usualAttention, unwanted: []int{0, 2}},
	{batch: 2, heads: 2, queries: 4, width: 64, pieces: []int{61, 4}, limits: usualAttention},
	{batch: 1, heads: 1, queries: 3, width: 40, pieces: []int{64, 0, 2, 1}, limits: usualAttention, noQ: true},
	{batch: 1, heads: 1, queries: 4, width: 512, pieces: []int{3, 3, 3, 3, 3, 3, 3, 3}, limits: usualAttention, unwanted: []int{3}},
	{batch: 8, heads: 5, queries: 2, width: 8, pieces: []int{1000, 700, 1}, limits: usualAttention},
	// Not so few: too many pieces, too long rows.
	{batch: 1, heads: 1, queries: 1, width: 4, pieces: []int{3, 3, 3, 3, 3, 3, 3, 3, 1}, limits: usualAttention},
	{batch: 1, heads: 1, queries: 4, width: 513, pieces: []int{5, 4}, limits: usualAttention},
}

// attentionRun is an attention with operands of a backend; results are LSE, Out,
// DQ, DK and DV.
type attentionRun struct {
	b    backend.Backend
	c    *backend.AttentionCall
	g    *backend.AttentionGrads
	want []*tensor.Tensor
	base []*tensor.Tensor
}

// tensorOf makes a view (B, heads, n, D) of an array (n, B, heads, D).
func (r *attentionRun) tensorOf(d tensor.DType, numbers []float64, n int, c attentionCase) *tensor.Tensor {
	shape := []int{n, c.batch, c.heads, c.width}
	var x *tensor.Tensor
	if d == tensor.Float64 {
		x = backend.FromSlice(r.b, numbers, shape...)
	} else {
		x = backend.FromSlice(r.b, floats32(numbers), shape...)
	}
	r.base = append(r.base, x)
	return x.Permute(1, 2, 0, 3)
}

func floats32(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// newAttentionRun fills operands with the same numbers for each backend, and
// results with numbers that do not stay.
func newAttentionRun(b backend.Backend, d tensor.DType, c attentionCase) *attentionRun {
	random := rand.New(rand.NewPCG(1, 2))
	r := &attentionRun{b: b, c: &backend.AttentionCall{Scale: 0.7 / math.Sqrt(float64(c.width))}, g: &backend.AttentionGrads{}}
	rows := func(n int) *tensor.Tensor {
		numbers := make([]float64, n*c.batch*c.heads*c.width)
		for i := range numbers {
			numbers[i] = random.NormFloat64()
		}
		return r.tensorOf(d, numbers, n, c)
	}
	spoilt := func(n int) *tensor.Tensor {
		numbers := make([]float64, n*c.batch*c.heads*c.width)
		for i := range numbers {
			numbers[i] = math.NaN()
		}
		return r.tensorOf(d, numbers, n, c)
	}
	r.c.Q, r.g.DOut = rows(c.queries), rows(c.queries)
	r.c.Weights = backend.Dropout{P: c.weights, Key: tensor.Key{Seed: 7, Step: 1, Site: 2}}
	r.c.Values = backend.Dropout{P: c.values, Key: tensor.Key{Seed: 7, Step: 1, Site: 3}}
	r.c.Out = spoilt(c.queries)
	r.c.LSE = backend.New(b, d, c.batch, c.heads, c.queries)
	r.base = append(r.base, r.c.LSE)
	r.want = []*tensor.Tensor{r.c.LSE, r.c.Out}
	if !c.noQ {
		r.g.DQ = spoilt(c.queries)
		r.want = append(r.want, r.g.DQ)
	}
	for i, n := range c.pieces {
		r.c.K = append(r.c.K, rows(n))
		if v := rows(n); c.same {
			r.c.V = append(r.c.V, r.c.K[i])
		} else {
			r.c.V = append(r.c.V, v)
		}
		var dk, dv *tensor.Tensor
		wanted := true
		for _, u := range c.unwanted {
			wanted = wanted && u != i
		}
		if wanted {
			dk, dv = spoilt(n), spoilt(n)
			r.want = append(r.want, dk, dv)
		}
		r.g.DK, r.g.DV = append(r.g.DK, dk), append(r.g.DV, dv)
	}
	return r
}

// run computes results and gradients and returns all elements in their views'
// order.
func (r *attentionRun) run(t *testing.T) [][]float64 {
	a := r.b.(backend.Attender)
	a.Attention(r.c)
	a.AttentionGrad(r.c, r.g)
	var all [][]float64
	for _, x := range r.want {
		all = append(all, numbersOf(t, r.b, x))
	}
	backend.Release(r.b, r.base...)
	return all
}

// numbersOf reads a view whose base is (n, B, heads, D), or a contiguous tensor.
func numbersOf(t *testing.T, b backend.Backend, x *tensor.Tensor) []float64 {
	if !x.Contiguous() {
		x = x.Permute(2, 0, 1, 3)
	}
	if x.DType == tensor.Float64 {
		numbers, err := backend.Data[float64](b, x)
		require.NoError(t, err)
		return numbers
	}
	narrow, err := backend.Data[float32](b, x)
	require.NoError(t, err)
	numbers := make([]float64, len(narrow))
	for i, v := range narrow {
		numbers[i] = float64(v)
	}
	return numbers
}

// furthest is the largest difference as a share of the largest number.
func furthest(want, got []float64) float64 {
	most, apart := 1e-30, 0.0
	for i, w := range want {
		most = max(most, math.Abs(w))
		if d := math.Abs(w - got[i]); d > apart || d != d {
			apart = d
		}
	}
	return apart / most
}

func TestAttentionAgainstCPU(t *testing.T) {
	reference, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer reference.Close()
	for _, of := range []struct {
		name      string
		dtype     tensor.DType
		precision backend.Precision
		near      float64
	}{{"f32", tensor.Float32, backend.Full, 3e-6}, {"f64", tensor.Float64, backend.Full, 1e-13}, {"bf16", tensor.Float32, backend.BF16, 2e-2}} {
		t.Run(of.name, func(t *testing.T) {
			m, driver := simulated(t)
			b, err := start(driver, backend.Config{Precision: of.precision})
			require.NoError(t, err)
			for _, c := range attentionCases {
				t.Run(c.String(), func(t *testing.T) {
					want := newAttentionRun(reference, tensor.Float64, c).run(t)
					b.attention = c.limits
					live := b.LiveBytes()
					got := newAttentionRun(b, of.dtype, c).run(t)
					assert.Equal(t, live, b.LiveBytes())
					for i := range want {
						assert.LessOrEqual(t, furthest(want[i], got[i]), of.near, "result %d", i)
					}
					m.Reverse(true)
					assert.Equal(t, got, newAttentionRun(b, of.dtype, c).run(t), "from the last thread to the first")
					m.Reverse(false)
				})
			}
			closed(t, m, b)
		})
	}
}

// A mask that is given is the same as one that is drawn.
func TestAttentionMask(t *testing.T) {
	b := open(t)
	c := attentionCase{batch: 2, heads: 2, queries: 7, width: 5, pieces: []int{4, 7}, limits: usualAttention, weights: 0.4, values: 0.3}
	want := newAttentionRun(b, tensor.Float32, c).run(t)
	r := newAttentionRun(b, tensor.Float32, c)
	for site, n := range map[*backend.Dropout]int{&r.c.Weights: 2 * 2 * 7 * 11, &r.c.Values: 11 * 2 * 2 * 5} {
		keep := float32(1 - site.P)
		mask := make([]float32, n)
		for i := range mask {
			if float32(site.Key.Uniform(uint64(i))) < keep {
				mask[i] = 1 / keep
			}
		}
		site.Mask = backend.FromSlice(b, mask, n)
		r.base = append(r.base, site.Mask)
	}
	got := r.run(t)
	for i := range want {
		assert.LessOrEqual(t, furthest(want[i], got[i]), 1e-6, "result %d", i)
	}
}

// What does not fit panics, and leaves the backend as it was.
func TestAttentionMistakes(t *testing.T) {
	b := open(t)
	c := attentionCases[1]
	for name, spoil := range map[string]func(*attentionRun){
		"fewer keys than queries": func(r *attentionRun) {
			r.c.K, r.c.V = r.c.K[:1], r.c.V[:1]
			r.c.Q = r.c.Q.Broadcast(2, 3, 7, 6)
			r.c.K[0] = r.c.K[0].Slice(2, 0, 3)
			r.c.V[0] = r.c.K[0]
		},
		"a piece of another width": func(r *attentionRun) { r.c.K[1] = r.c.K[1].Slice(3, 0, 5) },
		"values of another length": func(r *attentionRun) { r.c.V[1] = r.c.V[1].Slice(2, 0, 3) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newAttentionRun(b, tensor.Float32, c)
			spoil(r)
			var mistake *tensor.Error
			func() {
				defer func() { mistake, _ = recover().(*tensor.Error) }()
				b.Attention(r.c)
			}()
			require.NotNil(t, mistake)
			assert.Equal(t, "Attention", mistake.Op)
			backend.Release(b, r.base...)
		})
	}
}
