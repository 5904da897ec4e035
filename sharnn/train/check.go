package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// parse reads the flags: where they say -resume, those that the run saved come
// first, and saved is where they were found.
func parse(args []string, stdout io.Writer) (s *settings, from *saved, err error) {
	s, f, err := parseArgs(args, stdout)
	if err != nil || s.resume == "" {
		return s, nil, err
	}
	if f.Given("config") {
		return nil, nil, command.Usagef("-resume takes the flags from its folder: leave -config out")
	}
	if s.out != "" && filepath.Clean(s.out) != filepath.Clean(s.resume) {
		return nil, nil, command.Usagef("-resume goes on in its own folder: leave -out out")
	}
	dir := s.resume
	if from, err = findSaved(dir); err != nil {
		return nil, nil, err
	}
	path := filepath.Join(from.dir, settingsFile)
	if s, f, err = parseArgs(append([]string{"-config", path}, args...), stdout); err != nil {
		return nil, nil, err
	}
	s.out = dir
	return s, from, checkFrozen(f, path)
}

func parseArgs(args []string, stdout io.Writer) (*settings, *command.Flags, error) {
	s := defaults()
	f := s.flags()
	if err := f.Parse(args, stdout); err != nil {
		return nil, nil, err
	}
	// A run whose length is given is not to be cut short by a default.
	if (s.steps > 0 || s.epochs > 0) && !f.Given("minutes") {
		s.minutes = 0
	}
	if err := s.check(); err != nil {
		return nil, nil, command.Usagef("%w", err)
	}
	return &s, f, nil
}

// frozen are the flags that a resumed run cannot change.
var frozen = []string{
	"split", "tokens", "splits", "emsize", "nhid", "nlayers", "attention", "heads", "mem",
	"batch_size", "bptt", "fixed-bptt", "accumulate", "optimizer", "seed", "dtype", "second_pass",
	"overfit", "ema",
}

var optimizers = []optim.Kind{optim.SGD, optim.Adam, optim.AdamW, optim.LAMB}

// checkFrozen compares the flags with those that the run to be resumed saved.
func checkFrozen(f *command.Flags, path string) error {
	var now, then map[string]any
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("resuming: %w", err)
	}
	if err := errors.Join(json.Unmarshal(data, &then), json.Unmarshal(f.JSON(), &now)); err != nil {
		return fmt.Errorf("resuming: %s: %w", path, err)
	}
	for _, name := range frozen {
		if !reflect.DeepEqual(now[name], then[name]) {
			return command.Usagef("-%s is %v, but the run to go on with has %v", name, now[name], then[name])
		}
	}
	return nil
}

// check tells which flag is out of range.
func (s *settings) check() error {
	for _, c := range []struct {
		name string
		ok   bool
		want string
	}{
		{"batch_size", s.batchSize >= 1, "at least 1"},
		{"bptt", s.bptt >= 1, "at least 1"},
		{"accumulate", s.accumulate >= 1, "at least 1"},
		{"lr", s.lr > 0, "more than 0"},
		{"min_lr", s.minLR >= 0 && s.minLR <= s.lr, "from 0 to lr"},
		{"clip", s.clip >= 0, "0 or more"},
		{"wdecay", s.wdecay >= 0, "0 or more"},
		{"min_trust", s.minTrust >= 0 && s.minTrust < 1, "from 0 to less than 1"},
		{"beta1", s.beta1 >= 0 && s.beta1 < 1, "from 0 to less than 1"},
		{"beta2", s.beta2 >= 0 && s.beta2 < 1, "from 0 to less than 1"},
		{"dropout", s.dropout >= 0 && s.dropout < 1, "from 0 to less than 1"},
		{"dropouth", s.dropouth >= 0 && s.dropouth < 1, "from 0 to less than 1"},
		{"dropouti", s.dropouti >= 0 && s.dropouti < 1, "from 0 to less than 1"},
		{"wdrop", s.wdrop >= 0 && s.wdrop < 1, "from 0 to less than 1"},
		{"ema", s.ema >= 0 && s.ema < 1, "from 0 to less than 1"},
		{"skip_outliers", s.skipOutliers == 0 || s.skipOutliers >= 1, "0, or 1 or more"},
		{"patience", s.patience >= 0, "0 or more"},
		{"halvings", s.halvings >= 0, "0 or more"},
		{"keep", s.keep >= 1, "at least 1"},
		{"warmup", s.warmup >= 0, "0 or more"},
		{"cooldown", s.cooldown >= 0, "0 or more"},
		{"hold", s.hold >= 0, "0 or more"},
		{"steps", s.steps >= 0 && s.steps <= maxSteps, fmt.Sprintf("from 0 to %d", maxSteps)},
		{"epochs", s.epochs >= 0, "0 or more"},
		{"second_pass", s.secondPass >= 0, "0 or more"},
		{"minutes", s.minutes >= 0, "0 or more"},
		{"log-interval", s.logInterval >= 1, "at least 1"},
		{"eval-interval", s.evalInterval >= 0, "0 or more"},
		{"eval_batch_size", s.evalBatch >= 1, "at least 1"},
		{"save-interval", s.saveInterval >= 0, "0 or more"},
		{"save-minutes", s.saveMinutes >= 0, "0 or more"},
		{"sample", s.sample >= 0, "0 or more"},
		{"threads", s.machine.Threads >= 0, "0 or more"},
		{"device", s.machine.Device >= 0, "0 or more"},
	} {
		if !c.ok {
			return fmt.Errorf("-%s is out of range: want %s", c.name, c.want)
		}
	}
	return s.checkTogether()
}

func (s *settings) checkTogether() error {
	switch {
	case !slices.Contains(schedules, s.schedule):
		return fmt.Errorf("unknown schedule %q: want %s, %s, %s or %s", s.schedule, cosine, linear, constant, plateau)
	case !slices.Contains(optimizers, optim.Kind(s.optimizer)):
		return fmt.Errorf("unknown optimizer %q: want one of %v", s.optimizer, optimizers)
	case s.minLR > 0 && s.schedule != cosine:
		return fmt.Errorf("-min_lr is for -schedule %s", cosine)
	case s.secondPass > 0 && (s.epochs == 0 || s.schedule != constant || s.cooldown > 0):
		return fmt.Errorf("-second_pass is for -epochs and -schedule %s without -cooldown", constant)
	case s.cooldown > 0 && s.schedule != constant:
		return fmt.Errorf("-cooldown is for -schedule %s", constant)
	case s.fetch != "" && s.data != "":
		return fmt.Errorf("-fetch and -data both name a text: leave one out")
	case s.fetch != "" && !slices.Contains(corpus.Corpora(), s.fetch):
		return fmt.Errorf("-fetch %s: want one of %s", s.fetch, strings.Join(corpus.Corpora(), ", "))
	case s.steps == 0 && s.epochs == 0 && s.minutes == 0:
		return fmt.Errorf("a run needs an end: -minutes, -steps or -epochs")
	}
	if err := s.checkPatience(); err != nil {
		return err
	}
	if _, ok := numbers[s.dtype]; !ok {
		return fmt.Errorf("-dtype %s: want float32, float64, tf32 or bf16", s.dtype)
	}
	if err := corpus.CheckSplit(s.split); err != nil {
		return err
	}
	if _, _, err := parseTokens(s.tokens); err != nil {
		return err
	}
	if err := s.sampling().Check(); err != nil {
		return err
	}
	_, err := s.modelConfig(mostWords)
	return err
}

func (s *settings) checkPatience() error {
	switch {
	case s.schedule == plateau && s.patience == 0:
		return fmt.Errorf("-schedule %s needs -patience, such as 2", plateau)
	case s.halvings > 0 && s.schedule != plateau:
		return fmt.Errorf("-halvings is for -schedule %s", plateau)
	case s.secondPass > 0 && s.patience > 0:
		return fmt.Errorf("-second_pass begins after -epochs, and -patience would end the run before: leave one out, or take -schedule %s", plateau)
	case s.overfit && (s.epochs > 0 || s.accumulate > 1 || s.patience > 0):
		return fmt.Errorf("-overfit takes one segment again and again: it is for -steps or -minutes, without -accumulate and -patience")
	}
	return nil
}

// numbers are what -dtype names: the tensors' type, and what products of float32
// are computed in.
var numbers = map[string]struct {
	tensors  tensor.DType
	products backend.Precision
}{
	"float32": {tensor.Float32, backend.Full},
	"float64": {tensor.Float64, backend.Full},
	"tf32":    {tensor.Float32, backend.TF32},
	"bf16":    {tensor.Float32, backend.BF16},
}
