package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// run is what is known of a training run.
type run struct {
	path, name string
	lines      []runlog.Line
	parameters int               // 0: there is no model
	settings   map[string]string // by flag, without those that name files to write; nil: not known
}

// readRuns reads runs and names them: after their folders, or, where two of these
// are called the same, by their whole paths.
func readRuns(paths []string) ([]*run, error) {
	var runs []*run
	named := map[string]int{}
	for _, path := range paths {
		r, err := readRun(filepath.Clean(path))
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
		named[r.name]++
	}
	for _, r := range runs {
		if named[r.name] > 1 {
			r.name = r.path
		}
	}
	return runs, nil
}

// readRun reads a run's folder, or a log.
func readRun(path string) (*run, error) {
	r := &run{path: path, name: filepath.Base(path)}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading a run: %w", err)
	}
	log := path
	if info.IsDir() {
		log = filepath.Join(path, "log.jsonl")
		if err := errors.Join(r.readModel(), r.readSettings(&log)); err != nil {
			return nil, fmt.Errorf("reading a run: %w", err)
		}
	}
	r.lines, err = runlog.Read(log)
	return r, err
}

// readModel counts the parameters of the run's best model, if it has one yet.
func (r *run) readModel() error {
	f, err := safetensors.Open(filepath.Join(r.path, sharnn.WeightsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, x := range f.Tensors {
		n := 1
		for _, d := range x.Shape {
			n *= d
		}
		r.parameters += n
	}
	return f.Close()
}

// readSettings reads train.json, which may name another log.
func (r *run) readSettings(log *string) error {
	path := filepath.Join(r.path, "train.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	values := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // so that numbers stay as they are written
	if err := d.Decode(&values); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if name, ok := values["log"].(string); ok && name != "" {
		*log = name
	}
	r.settings = map[string]string{}
	for name, v := range values {
		if name != "log" && name != "out" && name != "resume" {
			r.settings[name] = word(fmt.Sprint(v))
		}
	}
	return nil
}

// word is a value as one word.
func word(value string) string {
	if value == "" || strings.ContainsAny(value, " \t\n\"'") {
		return fmt.Sprintf("%q", value)
	}
	return value
}
