package backend_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
)

var errNoDevice = errors.New("no device")

func init() {
	backend.Register("broken", func(backend.Config) (backend.Backend, error) { return nil, errNoDevice })
}

func TestOpen(t *testing.T) {
	assert.Equal(t, []string{"broken", "cpu"}, backend.Names(), "in alphabetical order")
	b, err := backend.Open("cpu", backend.Config{Threads: 1})
	require.NoError(t, err)
	assert.Equal(t, "cpu", b.Name())
	require.NoError(t, b.Close())

	_, err = backend.Open("abacus", backend.Config{})
	assert.EqualError(t, err, `unknown backend "abacus": this program has broken, cpu`)
	_, err = backend.Open("broken", backend.Config{})
	assert.ErrorIs(t, err, errNoDevice)
	assert.EqualError(t, err, "opening backend broken: no device")
}

func TestRegisterTwicePanics(t *testing.T) {
	assert.PanicsWithValue(t, "backend: cpu registered twice", func() {
		backend.Register("cpu", func(backend.Config) (backend.Backend, error) { return nil, nil })
	})
}
