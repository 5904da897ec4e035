package runlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
)

// Read reads a log. What a run did again, after it was resumed from before its
// last line, is there once. A last line that was cut off does not count; any other
// line that is not a line of a log is an error that names it.
func Read(path string) ([]Line, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	lines, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading the log: %s: %w", path, err)
	}
	return lines, nil
}

func parse(data []byte) ([]Line, error) {
	var lines []Line
	number := 0
	for text := range bytes.Lines(data) {
		number++
		if !bytes.HasSuffix(text, []byte("\n")) {
			break
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var l Line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if l.Training == nil != (l.Split == Valid || l.Split == Test) {
			return nil, fmt.Errorf("line %d is neither of training nor of an evaluation", number)
		}
		if !l.sound() {
			return nil, fmt.Errorf("line %d has a number that no run gives", number)
		}
		lines = settle(lines, l)
	}
	return lines, nil
}

// Most is the largest number of nats, bits or seconds of a line, so that sums and
// differences of them are finite.
const Most = 1e100

func (l Line) sound() bool {
	return l.Step >= 0 && l.Tokens >= 0 && l.Wall >= 0 && l.Wall <= Most && math.Abs(l.Loss) <= Most && math.Abs(l.BPC) <= Most
}

// settle adds a line and drops those that it makes void: of its own kind at its
// step, all later ones, and tests of a model that went on to learn.
func settle(lines []Line, l Line) []Line {
	void := func(old Line) bool {
		switch {
		case old.Split == Test || l.Split == Test:
			return old.Split == Test
		case l.Split == Valid && old.Split == "":
			return old.Step > l.Step
		}
		return old.Step >= l.Step
	}
	for len(lines) > 0 && void(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	return append(lines, l)
}

// Part are the lines of a split, or of training where split is empty.
func Part(lines []Line, split string) []Line {
	var out []Line
	for _, l := range lines {
		if l.Split == split {
			out = append(out, l)
		}
	}
	return out
}

// Best is the validation that was the lowest, the first of equal ones.
func Best(lines []Line) (best Line, found bool) {
	for _, l := range lines {
		if l.Split == Valid && (!found || l.BPC < best.BPC) {
			best, found = l, true
		}
	}
	return best, found
}
