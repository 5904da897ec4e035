package attributes

import (
	"fmt"
	"slices"
	"strings"
)

// List is a flag of names: several with ";" between them, in one flag or more.
type List struct {
	Names []string
	sets  [][]string // one for each time it was set, until settle
}

func (l *List) String() string { return strings.Join(l.Names, ";") }

// Set adds to what was set before, which settle makes Names of.
func (l *List) Set(text string) error {
	names, err := Split(text)
	l.sets = append(l.sets, names)
	return err
}

// settle makes Names of what was set. With a configuration the arguments are set
// before it and once more after it, and win.
func (l *List) settle(config bool) {
	if len(l.sets) == 0 {
		return
	}
	if n := len(l.sets) / 2; config && n > 0 {
		l.sets = l.sets[len(l.sets)-n:]
	}
	l.Names, l.sets = slices.Concat(l.sets...), nil
}

// Split are the names in a list with ";" between them, without spaces around them.
// An empty list has none; an empty name in a list is an error.
func Split(text string) ([]string, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	names := strings.Split(text, ";")
	for i, name := range names {
		if names[i] = strings.TrimSpace(name); names[i] == "" {
			return nil, fmt.Errorf("the list %q has an empty name", text)
		}
	}
	return names, nil
}
