package main

import (
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// startOver begins an epoch: at the text's first row, with a state that remembers
// nothing. With -overfit every step has an epoch of one segment, which is not
// counted.
func (t *trainer) startOver() {
	if !t.overfit {
		t.Epoch++
	}
	t.Row = 0
	t.state.Reset()
}

// take makes the step of gradients of this norm, unless that is an outlier.
func (t *trainer) take(grads []*tensor.Tensor, rate, norm float64) {
	if t.outlier(norm) {
		t.Skipped++
		return
	}
	t.rule.Step(grads, rate)
	if t.average != nil {
		t.Averaged++
		t.averager.Update(t.values, t.Averaged)
	}
}

// outlier judges a norm, where -skip_outliers asks for it.
func (t *trainer) outlier(norm float64) bool {
	if t.skipOutliers == 0 {
		return false
	}
	mean := t.Norms.Mean
	deviations, far := t.Norms.Far(norm, t.skipOutliers)
	if far {
		t.report.printf("step %d is skipped: its gradients' norm %.3g lies %.3g standard deviations above the mean of %.3g; skipped so far: %d",
			t.Step, norm, deviations, mean, t.Skipped+1)
	}
	return far
}

// judged is the model that is evaluated, samples, and is kept as the best: with
// -ema the average of what the steps made.
func (l *learner) judged() *sharnn.Model {
	if l.average != nil {
		return l.average
	}
	return l.model
}

// openAverage makes an average that begins as the model does.
func (l *learner) openAverage(s *settings) error {
	if s.ema == 0 {
		return nil
	}
	var err error
	if l.average, err = sharnn.New(l.backend, l.model.DType, l.model.Config, s.seed); err != nil {
		return err
	}
	l.overwrite(l.average, l.model)
	l.averager = optim.NewAverage(l.backend, s.ema, nn.Tensors(l.average))
	return nil
}
