package head

import (
	"context"
	"fmt"
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Data are texts as a head sees them.
type Data struct {
	X           *tensor.Tensor // (N, H), representations in float32 or float64
	Y           []int32        // (N), classes
	Train, Test []int32        // rows of X; Test may be empty
}

// Fitting says how a head is trained. The reference's values are a rate of
// 0.0001, 10 epochs and batches of 64.
type Fitting struct {
	Rate    float64
	Epochs  int
	Batch   int
	InOrder bool   // takes the batches in Train's order; else each epoch shuffles
	Seed    uint64 // of the shuffling

	// Batched and Evaluated, where not nil, hear of each batch's loss and of each
	// epoch's test result, which is nil where there is nothing to test on. An error
	// of theirs ends the training.
	Batched   func(epoch, batch int, loss float64) error
	Evaluated func(epoch int, r *Result) error
}

// Fit trains h and returns the result of the last epoch on the texts to test on,
// nil where there are none. On an error h is as it was.
func Fit(ctx context.Context, b backend.Backend, h *Head, d Data, f Fitting) (*Result, error) {
	if err := d.check(h, f); err != nil {
		return nil, err
	}
	t, err := NewTrainer(b, d.X.DType, h, f.Rate)
	if err != nil {
		return nil, err
	}
	defer t.Free()
	var r *Result
	for epoch := 1; epoch <= f.Epochs; epoch++ {
		if err := t.epoch(ctx, d, f, epoch); err != nil {
			return nil, fmt.Errorf("epoch %d: %w", epoch, err)
		}
		if len(d.Test) > 0 {
			if r, err = t.Evaluate(d.X, d.Y, d.Test); err != nil {
				return nil, fmt.Errorf("epoch %d: %w", epoch, err)
			}
		}
		if f.Evaluated != nil {
			if err := f.Evaluated(epoch, r); err != nil {
				return nil, err
			}
		}
	}
	return r, t.Store()
}

func (d Data) check(h *Head, f Fitting) error {
	if d.X.Rank() != 2 || d.X.Dim(0) != len(d.Y) || d.X.Dim(1) != h.Width {
		tensor.Panicf("head.Fit", []*tensor.Tensor{d.X}, "want %d rows of width %d", len(d.Y), h.Width)
	}
	for i, class := range d.Y {
		if class < 0 || int(class) >= len(h.Classes) {
			return fmt.Errorf("text %d is of class %d of %d", i+1, class, len(h.Classes))
		}
	}
	switch {
	case len(d.Train) == 0:
		return fmt.Errorf("no texts to train on: there are %d in all", len(d.Y))
	case f.Epochs < 1:
		return fmt.Errorf("%d epochs: want at least 1", f.Epochs)
	case f.Batch < 1:
		return fmt.Errorf("batches of %d texts: want at least 1", f.Batch)
	}
	return nil
}

func (t *Trainer) epoch(ctx context.Context, d Data, f Fitting, epoch int) error {
	rows := d.Train
	if !f.InOrder {
		rows = Shuffled(rows, tensor.Key{Seed: f.Seed, Step: uint32(epoch)})
	}
	batch := 0
	for part := range slices.Chunk(rows, f.Batch) {
		if err := ctx.Err(); err != nil {
			return err
		}
		loss, err := t.Step(d.X, d.Y, part)
		if err != nil {
			return fmt.Errorf("batch %d: %w", batch+1, err)
		}
		if f.Batched != nil {
			if err := f.Batched(epoch, batch, loss); err != nil {
				return err
			}
		}
		batch++
	}
	return nil
}

// Shuffled are rows in an order drawn from key (Fisher and Yates).
func Shuffled(rows []int32, key tensor.Key) []int32 {
	rows = slices.Clone(rows)
	for i := len(rows) - 1; i > 0; i-- {
		block := key.Block(uint64(i))
		wide := uint64(block[0])<<32 | uint64(block[1])
		j := int(wide % uint64(i+1))
		rows[i], rows[j] = rows[j], rows[i]
	}
	return rows
}

// Split divides n texts into those to train on and those to test on, a share of
// them rounded up as the reference does, drawn from seed.
func Split(n int, share float64, seed uint64) (train, test []int32) {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	rows = Shuffled(rows, tensor.Key{Seed: seed})
	cut := int((1 - share) * float64(n))
	return rows[:cut], rows[cut:]
}
