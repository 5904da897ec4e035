package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// configName is the flag that names a JSON file of other flags' values.
const configName = "config"

// Flags are a program's named values, in groups.
type Flags struct {
	set      *flag.FlagSet
	command  string
	summary  string
	examples []string
	groups   []*Group
	config   string
	given    map[string]bool
	operands *[]string // nil: there are none
	operand  string
}

// Group is a titled part of the flags, in the order in which they were added.
type Group struct {
	flags *Flags
	title string
	names []string
}

// NewFlags starts the flags of a program with -config alone. command is how it
// is called ("go run ./sharnn/train"), summary says what it does, and each
// example is a line of use.
func NewFlags(command, summary string, examples ...string) *Flags {
	f := &Flags{set: flag.NewFlagSet(command, flag.ContinueOnError), command: command, summary: summary, examples: examples}
	f.set.SetOutput(io.Discard)
	f.set.StringVar(&f.config, configName, "", "")
	return f
}

// Group adds a group of flags.
func (f *Flags) Group(title string) *Group {
	g := &Group{flags: f, title: title}
	f.groups = append(f.groups, g)
	return g
}

// Operands makes p what stands beside the flags, before or after them; in the help
// each is called name.
func (f *Flags) Operands(p *[]string, name string) { f.operands, f.operand = p, name }

// Add adds a flag whose default is what p points to now: an *int, *int64,
// *uint64, *float64, *string, *bool or *time.Duration, or a [flag.Value], whose
// Set must replace. reason says what the flag does and why its default is so;
// a `quoted` word in it names the value.
func (g *Group) Add(p any, name, reason string) {
	set := g.flags.set
	switch p := p.(type) {
	case *int:
		set.IntVar(p, name, *p, reason)
	case *int64:
		set.Int64Var(p, name, *p, reason)
	case *uint64:
		set.Uint64Var(p, name, *p, reason)
	case *float64:
		set.Float64Var(p, name, *p, reason)
	case *string:
		set.StringVar(p, name, *p, reason)
	case *bool:
		set.BoolVar(p, name, *p, reason)
	case *time.Duration:
		set.DurationVar(p, name, *p, reason)
	case flag.Value:
		set.Var(p, name, reason)
	default:
		panic(fmt.Sprintf("command: flag -%s: no flags of type %T", name, p))
	}
	g.names = append(g.names, name)
}

// Parse sets the flags from arguments and from the file that -config names;
// arguments win. Anything left over is an error, but where there are [Flags.Operands]. With -h it prints the flags to
// stdout and returns [flag.ErrHelp].
func (f *Flags) Parse(args []string, stdout io.Writer) error {
	if err := f.parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			f.help(stdout)
		}
		return err
	}
	if f.config != "" {
		if err := f.readConfig(f.config); err != nil {
			return err
		}
		if err := f.parse(args); err != nil {
			return err
		}
	}
	f.given = map[string]bool{}
	f.set.Visit(func(x *flag.Flag) { f.given[x.Name] = true })
	return f.checkFinite()
}

// Given tells whether a flag was set by an argument or the -config file.
func (f *Flags) Given(name string) bool { return f.given[name] }

func (f *Flags) parse(args []string) error {
	var operands []string
	for {
		if err := f.parseFlags(args); err != nil {
			return err
		}
		if f.set.NArg() == 0 {
			break
		}
		operands, args = append(operands, f.set.Arg(0)), f.set.Args()[1:]
	}
	if f.operands != nil {
		*f.operands = operands
	}
	return nil
}

// parseFlags parses the arguments before the first operand.
func (f *Flags) parseFlags(args []string) error {
	err := f.set.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
			return Usagef("no flag -%s%s (-h lists them)", name, f.suggest(name))
		}
		return &usageError{err}
	case f.set.NArg() > 0 && f.operands == nil:
		arg := f.set.Arg(0)
		return Usagef("unexpected argument %q%s (-h lists the flags)", arg, f.suggest(arg))
	}
	return nil
}

func (f *Flags) checkFinite() (err error) {
	f.set.VisitAll(func(x *flag.Flag) {
		v, ok := get(x).(float64)
		if ok && (math.IsNaN(v) || math.IsInf(v, 0)) && err == nil {
			err = Usagef("invalid value %v for flag -%s: want a finite number", v, x.Name)
		}
	})
	return err
}

// suggest names the flag that looks most like name, if one does.
func (f *Flags) suggest(name string) string {
	best, least := "", 2+len(name)/4
	for _, candidate := range f.names() {
		if d := distance(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean -%s?", best)
}

// names are all flags in order, -config last.
func (f *Flags) names() []string {
	var names []string
	for _, g := range f.groups {
		names = append(names, g.names...)
	}
	return append(names, configName)
}

// distance is the least number of letters to insert, delete or replace that
// makes b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// get is a flag's value in its own type, or its text for a [flag.Value] that
// does not give one.
func get(x *flag.Flag) any {
	if g, ok := x.Value.(flag.Getter); ok {
		return g.Get()
	}
	return x.Value.String()
}
