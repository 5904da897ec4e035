package attributes

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tiller-ml/tiller/pplm"
)

// Spec is an attribute as it is asked for: [!]name[=class][:weight]. With ! the
// text is to be without it.
type Spec struct {
	Name, Class string
	Weight      float64
	Not         bool
}

// Parse reads a spec; bags have no classes.
func Parse(text string, classes bool) (Spec, error) {
	s := Spec{Weight: 1}
	s.Name, s.Not = strings.CutPrefix(text, "!")
	if i := strings.LastIndexByte(s.Name, ':'); i >= 0 {
		if w, err := strconv.ParseFloat(s.Name[i+1:], 64); err == nil {
			s.Name, s.Weight = s.Name[:i], w
		}
	}
	if i := strings.LastIndexByte(s.Name, '='); i >= 0 && classes {
		s.Name, s.Class = s.Name[:i], s.Name[i+1:]
	}
	switch {
	case s.Name == "":
		return s, fmt.Errorf("%q names nothing", text)
	case !(s.Weight > 0) || math.IsInf(s.Weight, 0):
		return s, fmt.Errorf("%q: the weight is %v: want more than 0; a ! before the name steers away from it", text, s.Weight)
	}
	return s, nil
}

// Apply is an attribute with the spec's sign and weight.
func (s Spec) Apply(a pplm.Attribute) pplm.Attribute {
	if s.Not {
		a = pplm.Not(a)
	}
	if s.Weight != 1 {
		a = pplm.Weight(s.Weight, a)
	}
	return a
}

// Title is what to call an attribute whose bag or class is called name.
func (s Spec) Title(name string) string {
	if s.Not {
		name = "not " + name
	}
	if s.Weight != 1 {
		name = fmt.Sprintf("%s:%v", name, s.Weight)
	}
	return name
}
