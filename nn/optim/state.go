package optim

import (
	"fmt"
	"slices"

	"github.com/tiller-ml/tiller/tensor"
)

// State is what a checkpoint holds of an optimizer.
type State struct {
	// Tensors are the moments under the parameter's name and PyTorch's for the
	// moment ("encoder.weight.exp_avg"), in the parameters' order.
	Tensors []Param
	// Steps counts the steps of each parameter that has had one.
	Steps map[string]int
}

// moments are PyTorch's names for what the kind remembers, "" for nothing.
func (c Config) moments() (first, second string) {
	switch {
	case c.Kind != SGD:
		return "exp_avg", "exp_avg_sq"
	case c.Momentum != 0:
		return "momentum_buffer", ""
	}
	return "", ""
}

// State is the memory as it is. Its tensors stay the optimizer's: they are to
// be read before the next Step.
func (o *Optimizer) State() State {
	st := State{Steps: make(map[string]int)}
	first, second := o.c.moments()
	for i, s := range o.slots {
		name := o.params[i].Name
		if s.steps > 0 {
			st.Steps[name] = s.steps
		}
		if s.m != nil {
			st.Tensors = append(st.Tensors, Param{name + "." + first, s.m})
		}
		if s.v != nil {
			st.Tensors = append(st.Tensors, Param{name + "." + second, s.v})
		}
	}
	return st
}

// Load makes st the optimizer's memory and its tensors, which lie on the
// optimizer's backend, the optimizer's own. Where they do not fit the
// parameters it changes nothing, and the tensors stay the caller's.
func (o *Optimizer) Load(st State) error {
	slots, err := o.fit(st)
	if err != nil {
		return fmt.Errorf("loading the state of optimizer %s: %w", o.c.Kind, err)
	}
	o.Free()
	o.slots = slots
	return nil
}

// fit finds each parameter's memory in st, of which nothing may be left over.
func (o *Optimizer) fit(st State) ([]slot, error) {
	tensors := make(map[string]*tensor.Tensor, len(st.Tensors))
	for _, t := range st.Tensors {
		if tensors[t.Name] != nil {
			return nil, fmt.Errorf("%s comes twice", t.Name)
		}
		tensors[t.Name] = t.Value
	}
	first, second := o.c.moments()
	slots, known := make([]slot, len(o.params)), 0
	for i, p := range o.params {
		steps, ok := st.Steps[p.Name]
		if !ok {
			continue
		}
		known++
		if steps < 1 {
			return nil, fmt.Errorf("%s has made %d steps", p.Name, steps)
		}
		s := slot{steps: steps}
		var err error
		if s.m, err = take(tensors, p, first); err != nil {
			return nil, err
		}
		if s.v, err = take(tensors, p, second); err != nil {
			return nil, err
		}
		slots[i] = s
	}
	for _, t := range st.Tensors {
		if tensors[t.Name] != nil {
			return nil, fmt.Errorf("%s belongs to no parameter that has made a step", t.Name)
		}
	}
	if known < len(st.Steps) {
		return nil, fmt.Errorf("%d of its %d parameters are unknown", len(st.Steps)-known, len(st.Steps))
	}
	return slots, nil
}

// take moves a moment of p out of tensors.
func take(tensors map[string]*tensor.Tensor, p Param, moment string) (*tensor.Tensor, error) {
	if moment == "" {
		return nil, nil
	}
	name := p.Name + "." + moment
	t := tensors[name]
	switch {
	case t == nil:
		return nil, fmt.Errorf("%s is missing", name)
	case !slices.Equal(t.Shape, p.Value.Shape) || t.DType != p.Value.DType:
		return nil, fmt.Errorf("%s is %v %v, want %v %v", name, t.DType, t.Shape, p.Value.DType, p.Value.Shape)
	case !t.Contiguous():
		return nil, fmt.Errorf("%s is not contiguous", name)
	}
	delete(tensors, name)
	return t, nil
}
