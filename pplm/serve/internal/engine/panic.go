package engine

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a mistake of the program that a text ran into. It ends the texts of
// its group, and not the server.
type PanicError struct {
	Value any
	Stack []byte // where
}

func (e *PanicError) Error() string { return fmt.Sprintf("a mistake of the program: %v", e.Value) }

// caught makes an error of a panic that [tensor.Catch] leaves.
func caught(err *error) {
	if r := recover(); r != nil {
		*err = &PanicError{r, debug.Stack()}
	}
}
