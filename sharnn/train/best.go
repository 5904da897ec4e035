package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// bestFile is, in a save, the weights of the best model at the time: a second name
// of DIR's file where the system can give one. It is not in SHA256SUMS, since
// damage to the one file would then be damage to every save; its checksum is in
// the position.
const bestFile = "best.safetensors"

func (t *trainer) bestPath() string { return filepath.Join(t.out, sharnn.WeightsFile) }

// saveBest keeps the model as the run's result.
func (t *trainer) saveBest(nats float64) error {
	if err := t.saveModel(t.judged(), t.out); err != nil {
		return err
	}
	sum, err := checksum(t.bestPath())
	if err != nil {
		return fmt.Errorf("saving the best model: %w", err)
	}
	t.Best, t.Stale = &score{t.Step, nats, sum}, 0
	return nil
}

// loadBest reads the best model back.
func (t *trainer) loadBest() (*sharnn.Model, error) {
	sum, err := checksum(t.bestPath())
	if err != nil {
		return nil, err
	}
	if sum != t.Best.SHA256 {
		return nil, fmt.Errorf("%s is not as it was saved at step %d", t.bestPath(), t.Best.Step)
	}
	best, _, err := sharnn.Load(t.backend, t.out, t.model.DType)
	return best, err
}

// holdBest puts the best model into a save.
func (t *trainer) holdBest(dir string) error {
	if t.Best == nil {
		return nil
	}
	return link(t.bestPath(), filepath.Join(dir, bestFile))
}

// restoreBest makes DIR's model the one that was the best when the run was saved:
// since then, before it was stopped, another may have been better, which is to be
// found again. Without it the next evaluation's is the best.
func (t *trainer) restoreBest(dir string) error {
	if t.Best == nil {
		return nil
	}
	if sum, err := checksum(t.bestPath()); err == nil && sum == t.Best.SHA256 {
		return nil
	}
	held := filepath.Join(dir, bestFile)
	if sum, err := checksum(held); err != nil || sum != t.Best.SHA256 {
		t.report.printf("%s is damaged: the best model, of step %d, is lost, and the next one that is evaluated takes its place", held, t.Best.Step)
		t.Best, t.Stale = nil, 0
		t.Evaluated = min(t.Evaluated, t.Step-1)
		return nil
	}
	temp := t.bestPath() + ".tmp"
	if err := errors.Join(os.RemoveAll(temp), link(held, temp)); err != nil {
		return fmt.Errorf("restoring the best model: %w", err)
	}
	if err := os.Rename(temp, t.bestPath()); err != nil {
		return fmt.Errorf("restoring the best model: %w", err)
	}
	syncFolder(t.out)
	return nil
}

// link makes path another name of a file, or a copy where the system has no such
// names.
func link(from, path string) error {
	if os.Link(from, path) == nil {
		return nil
	}
	return safetensors.WriteAtomic(path, func(w io.Writer) error {
		f, err := os.Open(from)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, f)
		return errors.Join(err, f.Close())
	})
}
