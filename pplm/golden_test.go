package pplm_test

import (
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm/pplmtest"
)

func TestGolden(t *testing.T) {
	pplmtest.Steering(t, func() (backend.Backend, error) { return backend.Open("cpu", backend.Config{}) })
}
