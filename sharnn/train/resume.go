package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// saved is a folder that a run can go on from.
type saved struct {
	dir  string
	note string // what is wrong with a newer one; "" if nothing
}

// findSaved finds the newest save in a run's folder that is undamaged.
func findSaved(out string) (*saved, error) {
	last, prev := filepath.Join(out, "last"), filepath.Join(out, "prev")
	lastErr := verify(last)
	if lastErr == nil {
		return &saved{dir: last}, nil
	}
	prevErr := verify(prev)
	if prevErr == nil {
		return &saved{prev, fmt.Sprintf("%v; going on from %s", lastErr, prev)}, nil
	}
	if errors.Is(prevErr, fs.ErrNotExist) {
		return nil, fmt.Errorf("no run to go on with in %s: %w", out, lastErr)
	}
	return nil, fmt.Errorf("no run to go on with in %s: %w", out, errors.Join(lastErr, prevErr))
}

// verify compares a save with its checksums.
func verify(dir string) error {
	path := filepath.Join(dir, sumsFile)
	want, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	got, err := checksums(dir)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s is damaged: the files are not those of %s", dir, sumsFile)
	}
	return nil
}

// begin starts a run in a folder that holds none.
func (t *trainer) begin() error {
	if t.out == "" {
		t.out = filepath.Join("runs", t.folder()+"-"+time.Now().Format("20060102-150405"))
	}
	for _, name := range []string{sharnn.WeightsFile, "last", "prev"} {
		_, err := os.Lstat(filepath.Join(t.out, name))
		if err == nil {
			return command.Usagef("%s holds a run: go on with it by -resume %s, or take another -out", t.out, quote(t.out))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("looking into the output folder: %w", err)
		}
	}
	config, err := t.modelConfig(t.vocab.Len())
	if err != nil {
		return err
	}
	if err := t.learner.open(config, numbers[t.dtype].tensors, t.settings); err != nil {
		return err
	}
	if err := os.MkdirAll(t.out, 0o755); err != nil {
		return fmt.Errorf("making the output folder: %w", err)
	}
	return t.ready(-1)
}

// ready ends the preparations: the log is open after its first keep bytes, or
// all of them, and the run is saved as it begins.
func (t *trainer) ready(keep int64) error {
	t.in = make([]int32, t.bptt*t.batchSize)
	t.target = make([]int32, t.bptt*t.batchSize)
	t.settle()
	if err := t.report.openLog(t.logPath(), keep); err != nil {
		return err
	}
	if err := t.saveSettings(t.out); err != nil {
		return err
	}
	if t.Step > 0 {
		return nil
	}
	return t.save()
}

func (t *trainer) logPath() string {
	if t.log != "" {
		return t.log
	}
	return filepath.Join(t.out, "log.jsonl")
}

// resumeFrom goes on from a save, which has been verified.
func (t *trainer) resumeFrom(from *saved) error {
	var snap snapshot
	path := filepath.Join(from.dir, positionFile)
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &snap)
	}
	if err != nil {
		return fmt.Errorf("resuming: %s: %w", path, err)
	}
	if snap.TextSHA256 != t.sha256 {
		return fmt.Errorf("resuming: %s has %d bytes, and the run was trained on another text, of %d bytes: name it with -data",
			t.name, t.size, snap.TextBytes)
	}
	if err := t.load(from.dir, snap.OptimizerSteps); err != nil {
		return fmt.Errorf("resuming: %w", err)
	}
	if from.note != "" {
		t.report.println(from.note)
		if err := t.setAside(); err != nil {
			return err
		}
	}
	t.position = snap.position
	if c, ok := t.backend.(backend.Chooser); ok {
		if err := c.Choose(snap.Kernels); err != nil {
			t.report.printf("%v: the run goes on with other kernels, and its last bits may differ", err)
		}
	}
	t.clock.before, t.savedAt = snap.Wall, snap.Step
	keep := int64(-1)
	if snap.Log == t.log {
		keep = snap.LogBytes
	}
	return t.ready(keep)
}

// setAside moves a damaged last out of the way of the next save, which else
// would put it in the place of the good prev.
func (t *trainer) setAside() error {
	aside := t.lastDir() + ".damaged"
	err := errors.Join(os.RemoveAll(aside), os.Rename(t.lastDir(), aside))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("setting a damaged save aside: %w", err)
	}
	return nil
}

// load reads the model, the recurrent state and the optimizer's memory.
func (t *trainer) load(dir string, steps map[string]int) (err error) {
	if t.model, _, err = sharnn.Load(t.backend, dir, 0); err != nil {
		return err
	}
	f, err := safetensors.Open(filepath.Join(dir, stateFile))
	if err != nil {
		return err
	}
	defer f.Close()
	if t.state, err = t.model.RestoreState(f, t.batchSize); err != nil {
		return err
	}
	if err := t.openOptimizer(t.settings); err != nil {
		return err
	}
	return t.loadOptimizer(filepath.Join(dir, optimizerFile), steps)
}

func (t *trainer) loadOptimizer(path string, steps map[string]int) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	memory := optim.State{Steps: steps}
	for _, x := range f.Tensors {
		if x.DType != safetensors.DTypeOf(t.model.DType) {
			return fmt.Errorf("%s: %s is %s", path, x.Name, x.DType)
		}
		p := optim.Param{Name: x.Name, Value: backend.New(t.backend, t.model.DType, x.Shape...)}
		memory.Tensors = append(memory.Tensors, p)
		if err := t.backend.Write(p.Value, x.Data); err != nil {
			return fmt.Errorf("%s: %s: %w", path, x.Name, err)
		}
	}
	return t.rule.Load(memory)
}
