package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// The files of a save, beside the model's own two.
const (
	settingsFile  = "train.json"
	positionFile  = "position.json"
	optimizerFile = "optimizer.safetensors"
	stateFile     = "state.safetensors"
	sumsFile      = "SHA256SUMS"
)

// savedFiles are all that SHA256SUMS lists; vocabFiles too, where the model is
// over tokens.
var (
	savedFiles = []string{sharnn.ConfigFile, sharnn.WeightsFile, optimizerFile, stateFile, settingsFile, positionFile}
	vocabFiles = []string{bpe.VocabFile, bpe.MergesFile}
)

// snapshot is position.json.
type snapshot struct {
	position
	OptimizerSteps map[string]int `json:"optimizer_steps"`
	TextSHA256     string         `json:"text_sha256"`
	TextBytes      int            `json:"text_bytes"`
	Log            string         `json:"log"`       // as -log
	LogBytes       int64          `json:"log_bytes"` // of the log when this was saved

	// Kernels are the backend's choices, if it makes any: with others the last bits
	// of all that follows would differ.
	Kernels map[string]string `json:"kernels,omitempty"`
}

func (t *trainer) lastDir() string { return filepath.Join(t.out, "last") }
func (t *trainer) prevDir() string { return filepath.Join(t.out, "prev") }

func (t *trainer) saveDue() bool {
	if t.Step == t.savedAt {
		return false
	}
	return t.saveInterval > 0 && t.Step%t.saveInterval == 0 ||
		t.saveMinutes > 0 && time.Since(t.clock.saved).Minutes() >= t.saveMinutes
}

// save makes DIR/last of the run as it stands, and DIR/prev of what was there.
// The new folder is whole and on the disk before it takes the name. On an error
// both stay as they were.
func (t *trainer) save() error {
	temp := filepath.Join(t.out, "last.tmp")
	err := t.fill(temp)
	if err == nil {
		err = t.rotate(temp)
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
	if err := t.saveModel(dir); err != nil {
		return err
	}
	memory := t.rule.State()
	var sources []safetensors.Source
	for _, x := range memory.Tensors {
		sources = append(sources, sharnn.TensorSource(t.backend, x.Name, x.Value))
	}
	if err := safetensors.Write(filepath.Join(dir, optimizerFile), nil, sources); err != nil {
		return err
	}
	if err := safetensors.Write(filepath.Join(dir, stateFile), nil, t.state.Sources()); err != nil {
		return err
	}
	if err := t.saveSettings(dir); err != nil {
		return err
	}
	t.Wall = t.wall()
	snap := snapshot{t.position, memory.Steps, t.sha256, t.size, t.log, t.report.size, nil}
	if c, ok := t.backend.(backend.Chooser); ok {
		snap.Kernels = c.Choices()
	}
	doc, err := json.MarshalIndent(snap, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, positionFile), append(doc, '\n')); err != nil {
		return err
	}
	sums, err := checksums(dir)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, sumsFile), sums)
}

// rotate gives the folder temp the name last, and the old last the name prev.
func (t *trainer) rotate(temp string) error {
	if _, err := os.Stat(t.lastDir()); err == nil {
		if err := os.RemoveAll(t.prevDir()); err != nil {
			return err
		}
		if err := os.Rename(t.lastDir(), t.prevDir()); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(temp, t.lastDir()); err != nil {
		return err
	}
	syncFolder(t.out)
	return nil
}

// syncFolder puts the new names on the disk where the system can; the renames
// have happened either way.
func syncFolder(dir string) {
	if f, err := os.Open(dir); err == nil {
		f.Sync()
		f.Close()
	}
}

func (t *trainer) saveModel(dir string) error {
	return t.model.Save(dir, t.vocab, map[string]string{"step": fmt.Sprint(t.Step)})
}

// saveBest keeps the model as the run's result.
func (t *trainer) saveBest(nats float64) error {
	if err := t.saveModel(t.out); err != nil {
		return err
	}
	t.Best = &score{t.Step, nats}
	return nil
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

// checksums are the lines of SHA256SUMS for the files in a folder.
func checksums(dir string) ([]byte, error) {
	var out bytes.Buffer
	for _, name := range slices.Concat(savedFiles, vocabFiles) {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) && slices.Contains(vocabFiles, name) {
			continue
		}
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%x  %s\n", h.Sum(nil), name)
	}
	return out.Bytes(), nil
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
