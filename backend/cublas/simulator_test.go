//go:build cgo && linux

package cublas

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/backendtest"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/backend/cublas/internal/sim"
)

// simulated opens the simulator as NVIDIA's libraries, with nothing in use: what
// an earlier call of the same test opened is of no use any more. Where there is no C++
// compiler the test is skipped, or fails if TILLER_REQUIRE names the simulator.
func simulated(t testing.TB) (*sim.Machine, *cuda.Driver) {
	t.Helper()
	m, err := sim.Open()
	if errors.Is(err, sim.ErrNoCompiler) && !strings.Contains(os.Getenv("TILLER_REQUIRE"), "simulator") {
		t.Skip(err)
	}
	require.NoError(t, err)
	driver, err := cuda.Load(m.Paths())
	require.NoError(t, err)
	return m, driver
}

// openWith starts a backend on the simulator; the test closes it at its end, when
// nothing of the device may be left.
func openWith(t testing.TB, c backend.Config) *Backend {
	t.Helper()
	m, driver := simulated(t)
	b, err := start(driver, c)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, b.Close())
		assert.Empty(t, m.Leaks())
	})
	return b
}

func open(t testing.TB) *Backend {
	t.Helper()
	return openWith(t, backend.Config{})
}

// TestConformance runs the suite as programs run, and in a stricter world: memory
// is guarded and poisoned anew for each tensor, and blocks and threads run from
// the last to the first.
func TestConformance(t *testing.T) {
	for name, strict := range map[string]bool{"usual": false, "strict": true} {
		t.Run(name, func(t *testing.T) {
			m, driver := simulated(t)
			m.Reverse(strict)
			backendtest.Run(t, func() (backend.Backend, error) {
				b, err := start(driver, backend.Config{})
				if err == nil {
					b.memory.strict = strict
				}
				return b, err
			})
			assert.Empty(t, m.Leaks())
		})
	}
}
