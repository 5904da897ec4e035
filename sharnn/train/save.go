package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/sharnn/internal/events"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// The files of a save, beside the model's own two.
const (
	settingsFile  = "train.json"
	positionFile  = "position.json"
	optimizerFile = "optimizer.safetensors"
	stateFile     = "state.safetensors"
	averageFile   = "average.safetensors" // with -ema
	sumsFile      = "SHA256SUMS"
)

// savedFiles are all that SHA256SUMS lists, and optionalFiles where they are there.
var (
	savedFiles    = []string{sharnn.ConfigFile, sharnn.WeightsFile, optimizerFile, stateFile, settingsFile, positionFile}
	optionalFiles = []string{bpe.VocabFile, bpe.MergesFile, corpus.WordsFile, averageFile}
)

// snapshot is position.json.
type snapshot struct {
	position
	OptimizerSteps map[string]int `json:"optimizer_steps"`
	TextSHA256     string         `json:"text_sha256"`
	TextBytes      int            `json:"text_bytes"`
	Log            string         `json:"log"`       // as -log
	LogBytes       int64          `json:"log_bytes"` // of the log when this was saved
	Events         events.Mark    `json:"events"`    // of the files for TensorBoard, then

	// Kernels are the backend's choices, if it makes any: with others the last bits
	// of all that follows would differ.
	Kernels map[string]string `json:"kernels,omitempty"`
}

func (t *trainer) saveDue() bool {
	if t.Step == t.savedAt {
		return false
	}
	return t.saveInterval > 0 && t.Step%t.saveInterval == 0 ||
		t.saveMinutes > 0 && time.Since(t.clock.saved).Minutes() >= t.saveMinutes
}

// save makes a new save of the run as it stands. The folder is whole and on the
// disk before it takes the name. On an error the others stay as they were.
func (t *trainer) save() error {
	temp := filepath.Join(t.out, saveTemp)
	err := t.fill(temp)
	if err == nil {
		err = t.publish(temp)
	}
	if err != nil {
		return fmt.Errorf("saving the run, what %s held is kept: %w", t.out, errors.Join(err, os.RemoveAll(temp)))
	}
	t.savedAt, t.clock.saved = t.Step, time.Now()
	return nil
}

// fill makes a new folder of everything that going on needs.
func (t *trainer) fill(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := t.saveModel(t.model, dir); err != nil {
		return err
	}
	if err := t.saveTensors(dir); err != nil {
		return err
	}
	if err := t.holdBest(dir); err != nil {
		return err
	}
	if err := t.saveSettings(dir); err != nil {
		return err
	}
	if err := t.savePosition(dir); err != nil {
		return err
	}
	sums, err := checksums(dir)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, sumsFile), sums)
}

// saveTensors writes what is not the model: the optimizer's memory, the recurrent
// state and the average.
func (t *trainer) saveTensors(dir string) error {
	if err := safetensors.Write(filepath.Join(dir, optimizerFile), nil, t.sources(t.rule.State().Tensors)); err != nil {
		return err
	}
	if t.average != nil {
		if err := safetensors.Write(filepath.Join(dir, averageFile), nil, t.sources(named(t.average))); err != nil {
			return err
		}
	}
	return safetensors.Write(filepath.Join(dir, stateFile), nil, t.state.Sources())
}

func (t *trainer) sources(tensors []optim.Param) []safetensors.Source {
	var out []safetensors.Source
	for _, x := range tensors {
		out = append(out, sharnn.TensorSource(t.backend, x.Name, x.Value))
	}
	return out
}

// savePosition writes where the run stands, once the logs up to there are on the
// disk.
func (t *trainer) savePosition(dir string) error {
	t.report.sync()
	t.Wall = t.wall()
	snap := snapshot{t.position, t.rule.State().Steps, t.sha256, t.size, t.log, t.report.size, t.report.board.mark, nil}
	if c, ok := t.backend.(backend.Chooser); ok {
		snap.Kernels = c.Choices()
	}
	doc, err := json.MarshalIndent(snap, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, positionFile), append(doc, '\n'))
}

func (t *trainer) saveModel(m *sharnn.Model, dir string) error {
	return m.Save(dir, t.vocab, map[string]string{"step": fmt.Sprint(t.Step)})
}

// json are the effective flags, without those that name the run's own folder.
func (t *trainer) json() []byte {
	s := *t.settings
	s.out, s.resume = "", ""
	return s.flags().JSON()
}

func (t *trainer) saveSettings(dir string) error {
	return writeFile(filepath.Join(dir, settingsFile), t.json())
}

func writeFile(path string, data []byte) error {
	return safetensors.WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// resumeCommand is what goes on with the run.
func (t *trainer) resumeCommand() string { return program + " -resume " + quote(t.out) }

// quote is a word as a shell takes it.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=:,@%", r)
	}
	if word != "" && strings.TrimFunc(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
