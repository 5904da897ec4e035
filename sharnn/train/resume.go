package main

import (
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

// begin starts a run in a folder that holds none.
func (t *trainer) begin() error {
	if t.out == "" {
		t.out = filepath.Join("runs", t.folder()+"-"+time.Now().Format("20060102-150405"))
	}
	if err := t.checkEmpty(); err != nil {
		return err
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
	return t.ready(nil)
}

// checkEmpty refuses a folder that holds a model or a run.
func (t *trainer) checkEmpty() error {
	saves, err := listSaves(t.out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking into the output folder: %w", err)
	}
	_, err = os.Lstat(t.bestPath())
	if err == nil || len(saves) > 0 {
		return command.Usagef("%s holds a run: go on with it by -resume %s, or take another -out", t.out, quote(t.out))
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("looking into the output folder: %w", err)
	}
	return nil
}

// ready ends the preparations: the logs are open after what the save from which the
// run goes on, if any, says of them, and a new run is saved as it begins.
func (t *trainer) ready(resumed *snapshot) error {
	t.in = make([]int32, t.bptt*t.batchSize)
	t.target = make([]int32, t.bptt*t.batchSize)
	t.settle()
	keep := int64(-1)
	if resumed != nil && resumed.Log == t.log {
		keep = resumed.LogBytes
	}
	if err := t.report.openLog(t.logPath(), keep); err != nil {
		return err
	}
	t.openBoard(resumed)
	if resumed != nil {
		t.draw() // without what is done again
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
	t.position, t.saves = snap.position, from.number
	if from.faults != nil {
		t.report.printf("%v; going on from %s", from.faults, from.dir)
		if err := from.setAside(); err != nil {
			return err
		}
	}
	if err := t.restoreBest(from.dir); err != nil {
		return err
	}
	if c, ok := t.backend.(backend.Chooser); ok {
		if err := c.Choose(snap.Kernels); err != nil {
			t.report.printf("%v: the run goes on with other kernels, and its last bits may differ", err)
		}
	}
	t.clock.before, t.savedAt = snap.Wall, snap.Step
	return t.ready(&snap)
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
	if err := errors.Join(t.openOptimizer(t.settings), t.openAverage(t.settings)); err != nil {
		return err
	}
	if err := t.loadAverage(filepath.Join(dir, averageFile)); err != nil {
		return err
	}
	return t.loadOptimizer(filepath.Join(dir, optimizerFile), steps)
}

func (t *trainer) loadAverage(path string) error {
	if t.average == nil {
		return nil
	}
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return sharnn.LoadTensors(t.backend, f, t.average.Params())
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
