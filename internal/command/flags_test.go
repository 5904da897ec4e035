package command

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// settings are flags of every type.
type settings struct {
	Width   int
	Limit   int64
	Seed    uint64
	LR      float64
	Name    string
	Cool    bool
	Timeout time.Duration
	Words   words
}

// words is a flag.Value without a Get.
type words []string

func (w *words) String() string     { return strings.Join(*w, ",") }
func (w *words) Set(s string) error { *w = strings.Split(s, ","); return nil }

var defaults = settings{Width: 8, LR: 0.002, Name: "x", Timeout: time.Second, Words: words{"a"}}

func newSettings(s *settings) *Flags {
	f := NewFlags("go run ./demo", "Shows what flags look like.", "go run ./demo -width 3")
	g := f.Group("Model")
	g.Add(&s.Width, "width", "number of `units`: more is slower")
	g.Add(&s.Cool, "cool", "lower the rate at the end")
	g = f.Group("Rest")
	g.Add(&s.Limit, "limit", "at most this many")
	g.Add(&s.Seed, "seed", "of all random numbers")
	g.Add(&s.LR, "lr", "learning rate; "+strings.Repeat("words that go on and on ", 5)+"end")
	g.Add(&s.Name, "run-name", "a name")
	g.Add(&s.Timeout, "timeout", "give up after it")
	g.Add(&s.Words, "words", "a list")
	return f
}

func TestParse(t *testing.T) {
	all := settings{3, -4, 5, 0.5, "n", true, time.Minute, words{"b", "c"}}
	tests := []struct {
		name   string
		config string // "": none
		args   []string
		want   settings
		given  []string
	}{
		{"defaults", "", nil, defaults, nil},
		{"all", "", strings.Fields("-width 3 -limit=-4 --seed 5 -lr .5 -run-name n -cool -timeout 1m -words b,c"), all,
			strings.Fields("width cool limit seed lr run-name timeout words")},
		{"all from a file", `{"width":3,"limit":-4,"seed":5,"lr":5e-1,"run-name":"n","cool":true,"timeout":"1m","words":"b,c"}`,
			nil, all, strings.Fields("width cool limit seed lr run-name timeout words")},
		{"arguments win", `{"width": 100, "cool": true, "words": "z"}`, []string{"-width=3", "-cool=false"},
			settings{Width: 3, LR: 0.002, Name: "x", Timeout: time.Second, Words: words{"z"}}, strings.Fields("width cool words")},
		{"an argument equal to the default wins", `{"width": 100}`, []string{"-width=8"}, defaults, []string{"width"}},
		{"empty file object", `{}`, nil, defaults, nil},
		{"largest seed", `{"seed": 18446744073709551615}`, nil,
			settings{Width: 8, Seed: 1<<64 - 1, LR: 0.002, Name: "x", Timeout: time.Second, Words: words{"a"}}, []string{"seed"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := defaults
			f := newSettings(&got)
			args := tt.args
			if tt.config != "" {
				args = append([]string{"-config", writeFile(t, tt.config)}, args...)
			}
			require.NoError(t, f.Parse(args, nil))
			assert.Empty(t, cmp.Diff(tt.want, got))
			for _, name := range f.names()[:8] {
				assert.Equal(t, strings.Contains(" "+strings.Join(tt.given, " ")+" ", " "+name+" "), f.Given(name), name)
			}
		})
	}
}

func writeFile(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "c.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	return path
}

// Operands stand before, between and after flags.
func TestOperands(t *testing.T) {
	s, files := defaults, []string{}
	f := newSettings(&s)
	f.Operands(&files, "FILE")
	require.NoError(t, f.Parse([]string{"a", "-width", "3", "b", "c", "-cool"}, nil))
	assert.Equal(t, []string{"a", "b", "c"}, files)
	assert.Equal(t, 3, s.Width)
	assert.True(t, s.Cool)
	assert.EqualError(t, f.Parse([]string{"a", "-widht", "3"}, nil), "no flag -widht; did you mean -width? (-h lists them)")
	require.NoError(t, f.Parse(nil, nil))
	assert.Empty(t, files)
	var out bytes.Buffer
	require.ErrorIs(t, f.Parse([]string{"a", "-h"}, &out), flag.ErrHelp)
	assert.Contains(t, out.String(), "Usage: go run ./demo [flags] FILE...\n")
}

func TestParseArgumentErrors(t *testing.T) {
	tests := []struct{ args, want string }{
		{"-widht 3", "no flag -widht; did you mean -width? (-h lists them)"},
		{"-run_name=x", "no flag -run_name; did you mean -run-name? (-h lists them)"},
		{"-completely-else", "no flag -completely-else (-h lists them)"},
		{"-width 3 lr", `unexpected argument "lr"; did you mean -lr? (-h lists the flags)`},
		{"-- -width", `unexpected argument "-width"; did you mean -width? (-h lists the flags)`},
		{"-width", "flag needs an argument: -width"},
		{"-width x", `invalid value "x" for flag -width: parse error`},
		{"-width 1.5", `invalid value "1.5" for flag -width: parse error`},
		{"-seed -1", `invalid value "-1" for flag -seed: parse error`},
		{"-cool=x", `invalid boolean value "x" for -cool: parse error`},
		{"-lr nan", "invalid value NaN for flag -lr: want a finite number"},
		{"-lr=-inf", "invalid value -Inf for flag -lr: want a finite number"},
	}
	for _, tt := range tests {
		s := defaults
		err := newSettings(&s).Parse(strings.Fields(tt.args), nil)
		assert.EqualError(t, err, tt.want)
		var usage *usageError
		assert.ErrorAs(t, err, &usage, tt.args)
	}
}

func TestParseConfigErrors(t *testing.T) {
	tests := []struct{ config, want string }{
		{``, "unexpected end of JSON input"},
		{`[1]`, "want a JSON object of flags and values"},
		{`null`, "want a JSON object of flags and values"},
		{`{"width": 3`, "unexpected end of JSON input"},
		{`{"width": }`, "invalid character '}' looking for beginning of value"},
		{`{"width": 3} {}`, "invalid character '{' after top-level value"},
		{`{"width": 3, "width": 3}`, `"width" comes twice`},
		{`{"widht": 3}`, `"widht" is not a flag; did you mean -width?`},
		{`{"config": "b.json"}`, `"config" is not a flag; did you mean -config?`},
		{`{"": 3}`, `"" is not a flag`},
		{`{"width": "3"}`, `"width": found the string "3", want a whole number`},
		{`{"width": 3.5}`, `"width": 3.5 is not a valid value: want a whole number: parse error`},
		{`{"width": 99999999999999999999}`, `"width": 99999999999999999999 is not a valid value: want a whole number: value out of range`},
		{`{"seed": -1}`, `"seed": -1 is not a valid value: want a whole number: parse error`},
		{`{"lr": true}`, `"lr": found true, want a number`},
		{`{"lr": 1e999}`, `"lr": 1e999 is not a valid value: want a number: value out of range`},
		{`{"cool": 1}`, `"cool": found 1, want true or false`},
		{`{"cool": "true"}`, `"cool": found the string "true", want true or false`},
		{`{"run-name": 1}`, `"run-name": found 1, want a string`},
		{`{"run-name": null}`, `"run-name": found null, want a string`},
		{`{"words": ["a"]}`, `"words": found a list, want a string`},
		{`{"words": {}}`, `"words": found an object, want a string`},
		{`{"timeout": 5}`, `"timeout": found 5, want a string`},
		{`{"timeout": "x"}`, `"timeout": x is not a valid value: want a string: parse error`},
		{strings.Repeat(" ", maxConfig) + "{}", "more than 1048576 bytes"},
	}
	for _, tt := range tests {
		s, path := defaults, writeFile(t, tt.config)
		err := newSettings(&s).Parse([]string{"-config", path}, nil)
		assert.EqualError(t, err, "reading the configuration: "+path+": "+tt.want)
	}
	s := defaults
	err := newSettings(&s).Parse([]string{"-config", filepath.Join(t.TempDir(), "none.json")}, nil)
	assert.ErrorIs(t, err, os.ErrNotExist)
	err = newSettings(&s).Parse([]string{"-config", t.TempDir()}, nil)
	assert.ErrorContains(t, err, "is a directory")
}

// What JSON writes sets the same values again, in the same order.
func TestJSONReadsBack(t *testing.T) {
	s := defaults
	f := newSettings(&s)
	require.NoError(t, f.Parse(strings.Fields("-lr 1e-9 -cool -seed 18446744073709551615 -words q -timeout 90m"), nil))
	text := f.JSON()
	assert.Equal(t, `{
  "width": 8,
  "cool": true,
  "limit": 0,
  "seed": 18446744073709551615,
  "lr": 1e-9,
  "run-name": "x",
  "timeout": "1h30m0s",
  "words": "q"
}
`, string(text))
	again := defaults
	g := newSettings(&again)
	require.NoError(t, g.Parse([]string{"-config", writeFile(t, string(text))}, nil))
	assert.Empty(t, cmp.Diff(s, again))
	assert.Equal(t, string(text), string(g.JSON()))
}

func TestHelp(t *testing.T) {
	s := defaults
	for _, arg := range []string{"-h", "-help", "--help"} {
		var out bytes.Buffer
		require.ErrorIs(t, newSettings(&s).Parse([]string{"-width", "3", arg}, &out), flag.ErrHelp)
		assert.Equal(t, `Usage: go run ./demo [flags]

Shows what flags look like.

Examples:
  go run ./demo -width 3

Model:
  -width units (default 8)
      number of units: more is slower
  -cool
      lower the rate at the end

Rest:
  -limit int (default 0)
      at most this many
  -seed uint (default 0)
      of all random numbers
  -lr float (default 0.002)
      learning rate; words that go on and on words that go on and on words that
      go on and on words that go on and on words that go on and on end
  -run-name string (default x)
      a name
  -timeout duration (default 1s)
      give up after it
  -words value (default a)
      a list

Configuration:
  -config file
      a JSON object of flags and their values; flags given here win over the
      file's
`, out.String())
		s = defaults
	}
}

func TestAddPanics(t *testing.T) {
	assert.PanicsWithValue(t, "command: flag -x: no flags of type *int8", func() {
		NewFlags("c", "s").Group("G").Add(new(int8), "x", "")
	})
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"lr", "lr", 0}, {"bptt", "btt", 1}, {"seed", "sead", 1}, {"kitten", "sitting", 3}} {
		assert.Equal(t, tt.want, distance(tt.a, tt.b), "%q %q", tt.a, tt.b)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"width": 3, "lr": 0.5, "cool": true, "run-name": "x", "timeout": "1s", "words": "a,b"}`))
	f.Add([]byte(`{"width": [[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := defaults
		flags := newSettings(&s)
		if flags.setAll(data) == nil {
			require.True(t, json.Valid(data))
			require.True(t, json.Valid(flags.JSON()))
		}
	})
}
