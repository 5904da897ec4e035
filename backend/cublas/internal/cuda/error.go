//go:build cgo && linux

package cuda

import "fmt"

// Error is the status other than success that a library's function returned.
type Error struct {
	Call string // the function
	Code int
	Text string // the library's own words
}

func (e *Error) Error() string { return fmt.Sprintf("%s: error %d: %s", e.Call, e.Code, e.Text) }

// Statuses of the driver that callers tell apart.
const (
	OutOfMemory   = 2
	TooManyBlocks = 720 // of a cooperative launch
	NotSupported  = 801
)

// Is reports whether err is the driver's status of that number.
func Is(err error, code int) bool {
	e, ok := err.(*Error)
	return ok && e.Code == code
}
