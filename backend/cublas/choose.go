//go:build cgo && linux

package cublas

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.Chooser = (*Backend)(nil)

// lstmWork is what a choice is made for. Steps are rounded up to a power of two:
// lengths of sequences vary in training.
type lstmWork struct {
	precision                string
	steps, batch, in, hidden int
}

func (w lstmWork) String() string {
	return fmt.Sprintf("lstm %s %d %d %d %d", w.precision, w.steps, w.batch, w.in, w.hidden)
}

// parseWork is the inverse of String.
func parseWork(name string) (w lstmWork, ok bool) {
	n, _ := fmt.Sscanf(name, "lstm %s %d %d %d %d", &w.precision, &w.steps, &w.batch, &w.in, &w.hidden)
	return w, n == 5 && w.String() == name
}

var precisionNames = map[backend.Precision]string{backend.Full: "float32", backend.TF32: "tf32", backend.BF16: "bf16"}

// Choices are the routes of LSTMs: "steps", "cudnn" or "persistent" by
// "lstm PRECISION T B I H".
func (b *Backend) Choices() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	choices := make(map[string]string, len(b.lstms.choices))
	for name, route := range b.lstms.choices {
		choices[name] = string(route)
	}
	return choices
}

// Choose makes choices ahead of measurement, all of them or none. Those for
// another precision than this backend's are kept and matter to nobody.
func (b *Backend) Choose(choices map[string]string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, route := range choices {
		w, ok := parseWork(name)
		if !ok {
			return fmt.Errorf("%s: there is no work %q to choose a way for", b.dev.Name, name)
		}
		if !b.has(w, lstmRoute(route)) {
			return fmt.Errorf("%s: %s cannot be computed by %q here", b.dev.Name, name, route)
		}
	}
	for name, route := range choices {
		b.remember(name, lstmRoute(route))
	}
	return nil
}

// has tells whether the device has a route for some work.
func (b *Backend) has(w lstmWork, route lstmRoute) bool {
	switch route {
	case stepLSTM:
		return true
	case cudnnLSTM:
		return b.dev.CUDNN()
	case persistentLSTM:
		return w.precision != precisionNames[b.precision] || b.persistentPlan(w.hidden, w.batch).blocks > 0
	}
	return false
}

func (b *Backend) remember(name string, route lstmRoute) {
	if b.lstms.choices == nil {
		b.lstms.choices = map[string]lstmRoute{}
	}
	b.lstms.choices[name] = route
}

// fewSteps is below how many steps nothing is measured: a prompt, or decoding.
const fewSteps = 16

func (l *lstm) work() lstmWork {
	return lstmWork{precisionNames[l.b.precision], 1 << bits.Len(uint(l.steps-1)), l.batch, l.in, l.size}
}

// remember keeps a choice for the call's work, if there was one to make.
func (l *lstm) remember(route lstmRoute) {
	if l.b.lstms.forced == "" {
		l.b.remember(l.work().String(), route)
	}
}

// choose is the route for the call: a test's, the one chosen before, or the one
// that is measured now to be the fastest.
func (l *lstm) choose() lstmRoute {
	s := &l.b.lstms
	if s.forced != "" {
		return s.forced
	}
	if l.steps < fewSteps || l.stored() || l.c.X.DType != tensor.Float32 {
		return stepLSTM
	}
	if route, ok := s.choices[l.work().String()]; ok {
		return route
	}
	routes := []lstmRoute{stepLSTM}
	if l.persistentPlan().blocks > 0 {
		routes = append(routes, persistentLSTM)
	}
	if l.rnn() != nil {
		routes = append(routes, cudnnLSTM)
	}
	if len(routes) == 1 || l.b.fault != nil {
		return stepLSTM
	}
	route := l.measure(routes)
	l.remember(route)
	return route
}

// measure runs both passes by each route with the call's operands and returns the
// fastest. What the runs write is written again, or working memory.
func (l *lstm) measure(routes []lstmRoute) lstmRoute {
	b, c := l.b, l.c
	var mems []scratch
	defer func() {
		for _, m := range mems {
			b.release(m)
		}
	}()
	like := func(t *tensor.Tensor) *tensor.Tensor {
		mems = append(mems, b.scratch(t.DType.Bytes(t.Len())))
		return b.view(mems[len(mems)-1], t.DType, t.Shape...)
	}
	// Any numbers do for the gradients from above: the states and Y.
	g := &backend.LSTMGrads{
		DY: c.Y, DHN: c.HN, DCN: c.CN, DX: like(c.X), DH0: like(c.H0), DC0: like(c.C0),
		DWih: like(c.Wih), DWhh: like(c.Whh), DBias: like(c.Bih),
	}
	b.leaveGraph()
	times := map[lstmRoute]float64{}
	for _, route := range routes {
		if ms, ok := l.time(route, g); ok {
			times[route] = ms
		}
	}
	return fastest(routes, times)
}

// fastest is the route of the least time; those without one come last.
func fastest(routes []lstmRoute, times map[lstmRoute]float64) lstmRoute {
	of := func(r lstmRoute) float64 {
		if ms, ok := times[r]; ok {
			return ms
		}
		return math.Inf(1)
	}
	return slices.MinFunc(routes, func(x, y lstmRoute) int { return cmp.Compare(of(x), of(y)) })
}

// time is how long both passes take by a route, in milliseconds; false where the
// device turns out to lack it.
func (l *lstm) time(route lstmRoute, g *backend.LSTMGrads) (ms float64, ok bool) {
	b := l.b
	from, err := b.dev.NewEvent(true)
	if b.check(err); err != nil {
		return 0, false
	}
	defer func() { b.check(b.dev.FreeEvent(from)) }()
	to, err := b.dev.NewEvent(true)
	if b.check(err); err != nil {
		return 0, false
	}
	defer func() { b.check(b.dev.FreeEvent(to)) }()
	const runs = 3 // after one that loads kernels and takes memory
	for i := range 1 + runs {
		if i == 1 {
			b.check(b.dev.Record(from))
		}
		if l.forward(route) != route || b.fault != nil {
			return 0, false
		}
		l.backward(g)
	}
	b.check(b.dev.Record(to))
	b.check(b.dev.Wait(to))
	if b.fault != nil {
		return 0, false
	}
	ms, err = b.dev.Elapsed(from, to)
	b.check(err)
	return ms / runs, err == nil
}
