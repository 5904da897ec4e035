package cpu_test

import (
	"fmt"
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/backendtest"
	_ "github.com/tiller-ml/tiller/backend/cpu"
)

func TestConformance(t *testing.T) {
	for _, threads := range []int{1, 2} {
		t.Run(fmt.Sprint(threads), func(t *testing.T) {
			backendtest.Run(t, func() (backend.Backend, error) {
				return backend.Open("cpu", backend.Config{Threads: threads})
			})
		})
	}
}
