package main

import (
	"fmt"
	"slices"

	ort "github.com/yalue/onnxruntime_go"
)

// model is a model with the state of one text.
type model struct {
	session *ort.DynamicAdvancedSession
	state   []ort.Value // in the order of the inputs after tokens
}

// open reads a model and starts a text: zeros, and memories without rows.
func open(path string) (*model, error) {
	inputs, _, err := ort.GetInputOutputInfo(path)
	if err != nil {
		return nil, err
	}
	m := &model{}
	in, out := []string{"tokens"}, []string{"logits"}
	for _, i := range inputs {
		if i.Name == "tokens" {
			continue
		}
		in, out = append(in, i.Name), append(out, "next."+i.Name)
		shape := slices.Clone(i.Dimensions) // (B, H), or (M, B, H)
		shape[len(shape)-2] = 1
		if len(shape) == 3 {
			shape[0] = 0
		}
		zeros, err := ort.NewEmptyTensor[float32](shape)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", i.Name, err)
		}
		m.state = append(m.state, zeros)
	}
	m.session, err = ort.NewDynamicAdvancedSession(path, in, out, nil)
	return m, err
}

// read moves the state past ids and returns the logits (V) after the last.
func (m *model) read(ids []int32) ([]float32, error) {
	wide := make([]int64, len(ids))
	for i, id := range ids {
		wide[i] = int64(id)
	}
	tokens, err := ort.NewTensor(ort.NewShape(int64(len(ids)), 1), wide) // (T, B)
	if err != nil {
		return nil, err
	}
	defer tokens.Destroy()
	out := make([]ort.Value, 1+len(m.state)) // the runtime makes them
	if err := m.session.Run(append([]ort.Value{tokens}, m.state...), out); err != nil {
		return nil, err
	}
	destroy(m.state)
	m.state = out[1:]
	logits := out[0].(*ort.Tensor[float32])
	defer logits.Destroy()
	data := logits.GetData() // (T, B, V)
	return slices.Clone(data[len(data)-len(data)/len(ids):]), nil
}

func destroy(values []ort.Value) {
	for _, v := range values {
		v.Destroy()
	}
}

func (m *model) close() {
	destroy(m.state)
	m.session.Destroy()
}
