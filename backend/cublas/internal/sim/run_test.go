//go:build cgo && linux

package sim

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
)

// bytes reads n bytes of device memory.
func (r *rig) bytes(p cuda.Ptr, n int) []byte {
	r.t.Helper()
	b := make([]byte, n)
	require.NoError(r.t, r.dev.ToHost(b, p))
	require.NoError(r.t, r.dev.Sync())
	return b
}

func random(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n)
	for i := range x {
		x[i] = rng.Float32() - 0.5
	}
	return x
}

func TestWarpForms(t *testing.T) {
	for _, reverse := range []bool{false, true} {
		r := newRig(t)
		r.faults()
		r.Reverse(reverse)
		p, err := r.dev.Alloc(32 * 10 * 8)
		require.NoError(t, err)
		require.NoError(t, r.launch("forms", 1, 32, 0, uint64(p)))
		b := r.bytes(p, 32*10*8)
		for lane := range int64(32) {
			var got [10]int64
			for i := range got {
				got[i] = int64(binary.LittleEndian.Uint64(b[80*lane+8*int64(i):]))
			}
			up, down, next := lane-3, lane+3, lane+1
			if lane < 3 {
				up = lane
			}
			if lane > 28 {
				down = lane
			}
			if lane%8 == 7 {
				next = lane
			}
			pair := lane ^ 1
			if lane >= 16 {
				pair = lane ^ 2
			}
			want := [10]int64{5, up, down, lane ^ 8, next, 0xaaaaaaaa, 3, 10, pair, 0xffffffff}
			assert.Equal(t, want, got, "lane %d", lane)
		}
	}
}

func TestTotals(t *testing.T) {
	const rows, columns = 5, 1001
	for _, reverse := range []bool{false, true} {
		r := newRig(t)
		r.faults()
		r.Reverse(reverse)
		values := random(rows * columns)
		x, sum := r.alloc(values), r.alloc(make([]float32, rows))
		wide, err := r.dev.Alloc(8 * rows)
		require.NoError(t, err)
		require.NoError(t, r.launch("totals", rows, 256, 0, uint64(sum), uint64(wide), uint64(x), columns))
		got, double := r.read(sum, rows), r.bytes(wide, 8*rows)
		for i := range rows {
			var want float64
			for _, v := range values[i*columns : (i+1)*columns] {
				want += float64(v)
			}
			assert.InDelta(t, want, got[i], 1e-4)
			assert.InDelta(t, want, math.Float64frombits(binary.LittleEndian.Uint64(double[8*i:])), 1e-12)
		}
	}
}

func TestRaceDiffersInReverse(t *testing.T) {
	r := newRig(t)
	r.faults()
	x := r.alloc(make([]float32, 64))
	require.NoError(t, r.launch("race", 1, 64, 0, uint64(x)))
	assert.True(t, math.IsNaN(float64(r.read(x, 1)[0])), "thread 0 reads what thread 63 has not written")
	require.NoError(t, r.launch("last_block", 4, 1, 0, uint64(x)))
	assert.Equal(t, float32(3), r.read(x, 1)[0])
	r.Reverse(true)
	require.NoError(t, r.launch("race", 1, 64, 0, uint64(x)))
	assert.Equal(t, float32(63), r.read(x, 1)[0])
	require.NoError(t, r.launch("last_block", 4, 1, 0, uint64(x)))
	assert.Equal(t, float32(0), r.read(x, 1)[0])
}

func TestCooperativeLaunch(t *testing.T) {
	for _, reverse := range []bool{false, true} {
		r := newRig(t)
		r.faults()
		r.Reverse(reverse)
		arrived, seen := r.alloc(make([]float32, 1)), r.alloc(make([]float32, 8*64))
		var l cuda.Launch
		l.Reset(r.function(r.module, "meet"), 8, 64, 16).Together().Ptr(arrived).Ptr(seen)
		require.NoError(t, r.dev.Launch(&l))
		b := r.bytes(seen, 4*8*64)
		for i := range 8 * 64 {
			require.Equal(t, uint32(i/64*1000+8), binary.LittleEndian.Uint32(b[4*i:]), "thread %d", i)
		}
	}
}

// A launch that is not cooperative runs its blocks one after another: there the
// same kernel waits for ever.
func TestBlocksThatWaitForLaterOnes(t *testing.T) {
	r := newRig(t)
	r.faults()
	r.Patience(10 * time.Millisecond)
	arrived, seen := r.alloc(make([]float32, 1)), r.alloc(make([]float32, 8*64))
	require.NoError(t, r.launch("meet", 8, 64, 16, uint64(arrived), uint64(seen)))
	sticks(t, r, 719, "deadlock")
}

func halves(x, y float32) uint32 {
	return math.Float32bits(x)>>16 | math.Float32bits(y)&0xffff0000
}

func TestMatrixFragments(t *testing.T) {
	r := newRig(t)
	r.faults()
	var a [16][16]float32
	var b [16][8]float32
	var c [16][8]float32
	rng := rand.New(rand.NewPCG(3, 4))
	small := func() float32 { return float32(rng.IntN(17) - 8) } // exact in bfloat16
	for i := range 16 {
		for j := range 16 {
			a[i][j] = small()
		}
		for j := range 8 {
			b[i][j], c[i][j] = small(), small()
		}
	}
	fa, fb, fc := make([]float32, 128), make([]float32, 64), make([]float32, 128)
	word := math.Float32frombits
	for lane := range 32 {
		g, i := lane/4, lane%4*2
		fa[4*lane], fa[4*lane+1] = word(halves(a[g][i], a[g][i+1])), word(halves(a[g+8][i], a[g+8][i+1]))
		fa[4*lane+2], fa[4*lane+3] = word(halves(a[g][i+8], a[g][i+9])), word(halves(a[g+8][i+8], a[g+8][i+9]))
		fb[2*lane], fb[2*lane+1] = word(halves(b[i][g], b[i+1][g])), word(halves(b[i+8][g], b[i+9][g]))
		copy(fc[4*lane:], []float32{c[g][i], c[g][i+1], c[g+8][i], c[g+8][i+1]})
	}
	pc, pa, pb := r.alloc(fc), r.alloc(fa), r.alloc(fb)
	require.NoError(t, r.launch("mma", 1, 32, 0, uint64(pc), uint64(pa), uint64(pb)))
	got := r.read(pc, 128)
	for lane := range 32 {
		for e := range 4 {
			row, column := lane/4+e/2*8, lane%4*2+e%2
			want := c[row][column]
			for k := range 16 {
				want += a[row][k] * b[k][column]
			}
			assert.Equal(t, want, got[4*lane+e], "element %d,%d", row, column)
		}
	}
}

// stored is an element of op(x) where x is column-major.
func stored(x []float32, ld int, transposed bool, i, j int) float64 {
	if transposed {
		i, j = j, i
	}
	return float64(x[i+j*ld])
}

func TestProducts(t *testing.T) {
	const m, n, k, batch = 131, 9, 300, 2
	for _, flags := range []int{0, 1, 2, 3} {
		for _, compute := range []cuda.Compute{cuda.Compute32, cuda.ComputeTF32} {
			r := newRig(t)
			transa, transb := flags&1 != 0, flags&2 != 0
			lda, ldb, ldc := m+1, k+2, m+3
			if transa {
				lda = k + 1
			}
			if transb {
				ldb = n + 2
			}
			sa, sb, sc := lda*max(m, k), ldb*max(n, k), ldc*n
			a, b, c := random(sa*batch), random(sb*batch), random(sc*batch)
			pa, pb, pc := r.alloc(a), r.alloc(b), r.alloc(c)
			require.NoError(t, r.dev.Multiply(m, n, k, cuda.Matrix{At: pa, LD: lda, Stride: sa, Transpose: transa},
				cuda.Matrix{At: pb, LD: ldb, Stride: sb, Transpose: transb}, cuda.Matrix{At: pc, LD: ldc, Stride: sc}, 2, 0.5, batch, compute))
			got := r.read(pc, len(c))
			tolerance := 1e-5
			if compute == cuda.ComputeTF32 {
				tolerance = 1e-2
			}
			var worst float64
			for e := range batch {
				for j := range n {
					for i := range m {
						var sum float64
						for p := range k {
							sum += stored(a[e*sa:], lda, transa, i, p) * stored(b[e*sb:], ldb, transb, p, j)
						}
						at := e*sc + i + j*ldc
						worst = max(worst, math.Abs(2*sum+0.5*float64(c[at])-float64(got[at])))
					}
				}
			}
			assert.Less(t, worst, tolerance)
			if compute == cuda.ComputeTF32 {
				assert.Greater(t, worst, 1e-5, "factors are rounded")
			}
			assert.Equal(t, c[m], got[m], "between the columns")
			require.NoError(t, r.dev.Close())
		}
	}
}

func TestProductsOfHalves(t *testing.T) {
	r := newRig(t)
	a := r.alloc([]float32{word2(1, 2), word2(3, 4)}) // columns (1 2) and (3 4)
	c, d := r.alloc(make([]float32, 2)), r.alloc([]float32{nan, nan, nan, nan})
	matrix := func(p cuda.Ptr, t cuda.Type) cuda.Matrix { return cuda.Matrix{At: p, LD: 2, Type: t} }
	require.NoError(t, r.dev.Multiply(2, 2, 2, matrix(a, cuda.BF16), matrix(a, cuda.BF16), matrix(c, cuda.BF16), 1, 0, 1, cuda.Compute32))
	require.NoError(t, r.dev.Multiply(2, 2, 2, matrix(a, cuda.BF16), matrix(a, cuda.BF16), matrix(d, cuda.F32), 1, 0, 1, cuda.Compute32))
	assert.Equal(t, []float32{7, 10, 15, 22}, r.read(d, 4), "c is not read where beta is 0")
	assert.Equal(t, []float32{word2(7, 10), word2(15, 22)}, r.read(c, 2))
	tests := []struct {
		name    string
		a, c    cuda.Matrix
		compute cuda.Compute
		code    int
	}{
		{"leading dimension", cuda.Matrix{At: a, LD: 1, Type: cuda.BF16}, matrix(d, cuda.F32), cuda.Compute32, 7},
		{"result's leading dimension", matrix(a, cuda.BF16), cuda.Matrix{At: d, LD: 1}, cuda.Compute32, 7},
		{"types", matrix(a, cuda.F32), matrix(d, cuda.F32), cuda.Compute32, 15},
		{"compute", matrix(a, cuda.BF16), matrix(d, cuda.F32), cuda.Compute64, 15},
	}
	for _, test := range tests {
		err := r.dev.Multiply(2, 2, 2, test.a, matrix(a, cuda.BF16), test.c, 1, 0, 1, test.compute)
		assert.True(t, cuda.Is(err, test.code), "%s: %v", test.name, err)
	}
	require.NoError(t, r.dev.Multiply(2, 2, 3, matrix(a, cuda.BF16), cuda.Matrix{At: a, LD: 3, Type: cuda.BF16}, matrix(d, cuda.F32), 1, 0, 1, cuda.Compute32))
	assert.True(t, cuda.Is(r.dev.Sync(), 700), "a reads beyond its block")
}

var nan = float32(math.NaN())

func word2(x, y float32) float32 { return math.Float32frombits(halves(x, y)) }

func TestDoubleProduct(t *testing.T) {
	r := newRig(t)
	b := make([]byte, 16)
	binary.LittleEndian.PutUint64(b, math.Float64bits(3))
	binary.LittleEndian.PutUint64(b[8:], math.Float64bits(1.0/3))
	p, err := r.dev.Alloc(16)
	require.NoError(t, err)
	require.NoError(t, r.dev.ToDevice(p, b))
	at := func(i int) cuda.Matrix { return cuda.Matrix{At: p + cuda.Ptr(8*i), LD: 1, Type: cuda.F64} }
	require.NoError(t, r.dev.Multiply(1, 1, 1, at(0), at(1), at(0), 1.0/7, 1, 1, cuda.Compute64))
	third, seventh := 1.0/3, 1.0/7
	assert.Equal(t, seventh*(3*third)+3, math.Float64frombits(binary.LittleEndian.Uint64(r.bytes(p, 8))))
}
