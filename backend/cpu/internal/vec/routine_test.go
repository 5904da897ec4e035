package vec

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cpu/internal/asm"
)

const (
	longest = 70 // more than two blocks of every kernel
	guards  = 40 // elements that must stay, on both sides
)

// guarded is a slice of n elements, offset elements into guards.
type guarded struct {
	all  []float32
	data []float32
}

func newGuarded(n, offset int) guarded {
	all := make([]float32, guards+offset+n+guards)
	for i := range all {
		all[i] = -12345
	}
	return guarded{all, all[guards+offset:][:n:n]}
}

func (g guarded) intact() bool {
	first := len(g.all) - guards - len(g.data)
	for i, v := range g.all {
		if (i < first || i >= first+len(g.data)) && v != -12345 {
			return false
		}
	}
	return true
}

// data are the same values for the same routine, slice and length.
func (r routine) data(i, n int) []float32 {
	rng := rand.New(rand.NewPCG(uint64(len(r.name)), uint64(i)))
	x := make([]float32, r.length(i, n))
	for j := range x {
		x[j] = float32(2 * rng.NormFloat64())
	}
	if r.name == "AdamDirection" && i == 2 { // a second moment
		for j, v := range x {
			x[j] = max(v, -v)
		}
	}
	return x
}

// run calls the routine for vectors of n elements with the slices of each pair
// of aliases being one, and returns everything it wrote and returned.
func (r routine) run(t *testing.T, n, offset int, aliases ...[2]int) (out [][]float32, numbers []float64) {
	t.Helper()
	buffers := make([]guarded, len(r.roles))
	b := make([][]float32, len(r.roles))
	for i := range buffers {
		buffers[i] = newGuarded(r.length(i, n), offset+i)
		copy(buffers[i].data, r.data(i, n))
		b[i] = buffers[i].data
	}
	aliased := map[int]bool{}
	for _, a := range aliases {
		b[a[0]] = b[a[1]]
		aliased[a[0]], aliased[a[1]] = true, true
	}
	numbers = r.call(b, nil)
	for i, role := range r.roles {
		require.True(t, buffers[i].intact(), "%s of %d wrote outside slice %d", r.name, n, i)
		if role == 'r' && !aliased[i] {
			require.Equal(t, r.data(i, n), b[i], "%s of %d wrote to slice %d", r.name, n, i)
		}
		if role != 'r' {
			out = append(out, b[i])
		}
	}
	return out, numbers
}

func forEachRoutine(t *testing.T, test func(t *testing.T, r routine)) {
	for _, r := range routines {
		t.Run(r.name, func(t *testing.T) { test(t, r) })
	}
}

// TestLengths compares every routine with the plain Go at all short lengths.
func TestLengths(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		forEachRoutine(t, func(t *testing.T, r routine) {
			for n := range longest + 1 {
				out, numbers := r.run(t, n, n%5)
				implementation := active
				active = &generic
				wantOut, wantNumbers := r.run(t, n, 0)
				active = implementation
				for i := range wantOut {
					requireClose(t, wantOut[i], out[i], "%s of %d, output %d", r.name, n, i)
				}
				for i := range wantNumbers {
					require.True(t, near(wantNumbers[i], numbers[i]),
						"%s of %d returned %v, not %v", r.name, n, numbers, wantNumbers)
				}
			}
		})
	})
}

func requireClose(t *testing.T, want, got []float32, format string, args ...any) {
	t.Helper()
	for i := range want {
		if !near(float64(want[i]), float64(got[i])) {
			require.Failf(t, "not near", format+": element %d is %g, not %g", append(args, i, got[i], want[i])...)
		}
	}
}

// near allows for rounding of results that come from numbers around 1.
func near(want, got float64) bool {
	return want == got || want != want && got != got || math.Abs(want-got) <= 1e-5*max(1, math.Abs(want))
}

// TestAliases checks that a destination may be an input.
func TestAliases(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		forEachRoutine(t, func(t *testing.T, r routine) {
			for _, alias := range r.aliases {
				for _, n := range []int{1, 8, 16, 37, longest} {
					same := r
					same.call = func(b [][]float32, dst []float64) []float64 {
						separate := slices.Clone(b)
						separate[alias[0]] = slices.Clone(b[alias[1]])
						dst = r.call(separate, dst)
						if r.roles[alias[0]] != 'r' {
							copy(b[alias[0]], separate[alias[0]])
						}
						return dst
					}
					wantOut, wantNumbers := same.run(t, n, 0)
					out, numbers := r.run(t, n, 1, alias)
					require.Equal(t, bits64(wantNumbers), bits64(numbers), "%s of %d", r.name, n)
					for i := range out {
						require.Equal(t, bits(wantOut[i]), bits(out[i]), "%s of %d, slices %v", r.name, n, alias)
					}
				}
			}
		})
	})
}

// TestElementAlone checks that an element's result does not depend on its
// place.
func TestElementAlone(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		forEachRoutine(t, func(t *testing.T, r routine) {
			if r.reduction {
				return
			}
			whole, one := make([][]float32, len(r.roles)), make([][]float32, len(r.roles))
			for i := range whole {
				whole[i] = r.data(i, longest)
				one[i] = make([]float32, r.length(i, 1))
			}
			r.call(whole, nil)
			for j := range longest {
				for i := range one {
					for part := range one[i] {
						one[i][part] = r.data(i, longest)[part*longest+j]
					}
				}
				r.call(one, nil)
				for i := range one {
					for part := range one[i] {
						require.Equal(t, bits(one[i][part:part+1]), bits(whole[i][part*longest+j:][:1]),
							"%s, slice %d, element %d", r.name, i, part*longest+j)
					}
				}
			}
		})
	})
}

// TestSetsAgree checks that the assembly for AVX2 and for AVX-512 has the same
// results, bit for bit.
func TestSetsAgree(t *testing.T) {
	if implementations[asm.AVX512] == nil {
		t.Skip("this machine or build has one set of kernels at most")
	}
	defer func(k *kernels) { active = k }(active)
	forEachRoutine(t, func(t *testing.T, r routine) {
		for _, n := range []int{1, 7, 16, 31, 32, 45, longest, 1000} {
			active = implementations[asm.AVX2]
			out2, numbers2 := r.run(t, n, 0)
			active = implementations[asm.AVX512]
			out512, numbers512 := r.run(t, n, 0)
			require.Equal(t, bits64(numbers2), bits64(numbers512), "%s of %d", r.name, n)
			for i := range out2 {
				require.Equal(t, bits(out2[i]), bits(out512[i]), "%s of %d", r.name, n)
			}
		}
	})
}

// TestExactRoutines checks that the routines that promise it have the same
// bits in every implementation.
func TestExactRoutines(t *testing.T) {
	exact := []string{"Sum", "SumFloat64", "SumSquares", "SumDeviations", "Dot", "Moments", "Max", "Max2",
		"Add", "Sub", "Mul", "Div", "Sqrt", "DropoutMask"}
	eachImplementation(t, func(t *testing.T) {
		forEachRoutine(t, func(t *testing.T, r routine) {
			if !slices.Contains(exact, r.name) {
				return
			}
			for n := range 200 {
				out, numbers := r.run(t, n, 0)
				implementation := active
				active = &generic
				wantOut, wantNumbers := r.run(t, n, 0)
				active = implementation
				require.Equal(t, bits64(wantNumbers), bits64(numbers), "%s of %d", r.name, n)
				for i := range out {
					require.Equal(t, bits(wantOut[i]), bits(out[i]), "%s of %d", r.name, n)
				}
			}
		})
	})
}

// bits makes all NaNs one.
func bits(x []float32) []uint32 {
	b := make([]uint32, len(x))
	for i, v := range x {
		b[i] = math.Float32bits(v)
		if v != v {
			b[i] = math.MaxUint32
		}
	}
	return b
}

func bits64(x []float64) []uint64 {
	b := make([]uint64, len(x))
	for i, v := range x {
		b[i] = math.Float64bits(v)
		if v != v {
			b[i] = math.MaxUint64
		}
	}
	return b
}
