package backend_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

func TestDropoutIsOnWhereItMultiplies(t *testing.T) {
	assert.False(t, backend.Dropout{}.On())
	assert.False(t, backend.Dropout{Key: tensor.Key{Seed: 1}}.On())
	assert.True(t, backend.Dropout{P: 0.1}.On())
	assert.True(t, backend.Dropout{Mask: &tensor.Tensor{}}.On())
}
