package sharnn

import "github.com/tiller-ml/tiller/backend"

// Prepare lets the backend lay out the weights for decoding several samples at a
// time, where it can, at the price of a second copy of them: for a model that is
// not trained any more.
func (m *Model) Prepare() {
	b, ok := m.Backend.(backend.Preparer)
	if !ok {
		return
	}
	for _, p := range m.Params() {
		if p.Value.Rank() == 2 {
			b.Prepare(p.Value.Transpose())
		}
	}
}
