package main

import (
	"fmt"

	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
)

// secondPassBegins goes back to the best model, with an optimizer and a state that
// remember nothing: the reference program's second call, with -resume, -lr 1e-3
// and a new warm-up. Unlike it the optimizer's memory of the best step is not
// kept; the warm-up makes it anew.
func (t *trainer) secondPassBegins() error {
	best, _, err := sharnn.Load(t.backend, t.out, t.model.DType)
	if err != nil {
		return fmt.Errorf("beginning the second pass: %w", err)
	}
	defer best.Free()
	i := 0
	for _, p := range best.Params() {
		t.backend.Copy(t.values[i], p.Value)
		i++
	}
	if err := t.rule.Load(optim.State{}); err != nil {
		return err
	}
	t.state.Reset()
	t.Turned = true
	t.report.printf("second pass: from the model of step %d, at half the rate", t.Best.Step)
	return t.save()
}
