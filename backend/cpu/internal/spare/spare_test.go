package spare

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestList(t *testing.T) {
	var l List[int]
	assert.Nil(t, l.Get())
	a, b := l.GetOrNew(), l.GetOrNew()
	assert.NotSame(t, a, b)
	l.Put(a)
	l.Put(b)
	assert.Same(t, b, l.Get(), "last in, first out")
	assert.Same(t, a, l.GetOrNew())
	assert.Nil(t, l.Get())
}

// TestListIsShared looks for one element in two hands.
func TestListIsShared(t *testing.T) {
	var l List[int]
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				x := l.GetOrNew()
				*x++
				*x--
				if *x != 0 {
					t.Error("two owners")
				}
				l.Put(x)
			}
		})
	}
	all.Wait()
	assert.LessOrEqual(t, len(l.free), 8)
}
