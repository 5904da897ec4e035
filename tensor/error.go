package tensor

import (
	"errors"
	"fmt"
	"strings"
)

// Error is what a caller's mistake panics with: it names the operation, every
// shape it was given, and what is wrong with them.
type Error struct {
	Op     string
	Shapes [][]int
	Msg    string
	Err    error // a device's fault behind it, if any
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	for i, s := range e.Shapes {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %v", s)
	}
	if e.Msg != "" {
		b.WriteString(": " + e.Msg)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Panicf panics with an [*Error] about the tensors ts, which may hold nils.
func Panicf(op string, ts []*Tensor, format string, args ...any) {
	e := &Error{Op: op, Msg: fmt.Sprintf(format, args...)}
	for _, t := range ts {
		if t != nil {
			e.Shapes = append(e.Shapes, t.Shape)
		}
	}
	panic(e)
}

// Catch, deferred, stores a panic with an [*Error] in *err and lets every other
// panic pass. Commands use it at their edge; libraries do not.
func Catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case error:
		var e *Error
		if !errors.As(r, &e) {
			panic(r)
		}
		*err = r
	default:
		panic(r)
	}
}
