package main

import (
	"fmt"
	"math"

	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
)

// stale tells that the last -patience evaluations have not been better than the
// best one.
func (t *trainer) stale() bool { return t.patience > 0 && t.Stale >= t.patience }

// stopsEarly tells that the run ends for want of progress.
func (t *trainer) stopsEarly() bool {
	return t.stale() && (t.schedule != plateau || t.halvings > 0 && t.Halvings >= t.halvings)
}

// secondPassDue tells that the epochs before the second pass are over.
func (t *trainer) secondPassDue() bool {
	return t.firstPass > 0 && t.Step >= t.firstPass && t.Halvings == 0
}

// halvingDue tells that the rate is to be halved before the next step.
func (t *trainer) halvingDue() bool { return t.secondPassDue() || t.schedule == plateau && t.stale() }

// halvedRate is the rate after halvings, which rises anew after each.
func (t *trainer) halvedRate() float64 {
	return optim.WarmupCooldown(math.Ldexp(t.lr, -t.Halvings), t.warmup, 0)(t.Step - t.Halved)
}

// halve goes back to the best model, with half the rate, and an optimizer and a
// state that remember nothing: the reference program's second call, with -resume,
// -lr 1e-3 and a new warm-up. Unlike it the optimizer's memory of the best step is
// not kept; the warm-up makes it anew.
func (t *trainer) halve() error {
	why := fmt.Sprintf("%d evaluations were no better than the best", t.Stale)
	if t.secondPassDue() {
		why = "second pass"
	}
	if err := t.returnToBest(); err != nil {
		return fmt.Errorf("going back to the best model: %w", err)
	}
	t.Halvings++
	t.Halved, t.Stale = t.Step, 0
	t.report.printf("%s: from the model of step %d, at half the rate", why, t.Best.Step)
	return t.save()
}

// returnToBest makes the model, and its average, the best one.
func (t *trainer) returnToBest() error {
	best, err := t.loadBest()
	if err != nil {
		return err
	}
	defer best.Free()
	t.overwrite(t.model, best)
	if t.average != nil {
		t.overwrite(t.average, best)
		t.Averaged = 0
	}
	t.state.Reset()
	return t.rule.Load(optim.State{})
}

// overwrite gives a model the parameters of another of the same shape.
func (l *learner) overwrite(m, from *sharnn.Model) {
	values := nn.Tensors(from)
	for i, x := range nn.Tensors(m) {
		l.backend.Copy(x, values[i])
	}
}
