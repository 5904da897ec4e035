package command

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress shows how far long work has come on w, with a bar for each thing that
// is being done; total is 0 where it is not known. clear takes the last bar away.
// Where w is not a terminal nothing is shown.
func Progress(w io.Writer) (tell func(what string, done, total int64), clear func()) {
	var bar *progressbar.ProgressBar
	var shown string
	clear = func() {
		if bar != nil {
			bar.Clear()
		}
		bar, shown = nil, ""
	}
	if !Terminal(w) {
		return func(string, int64, int64) {}, clear
	}
	return func(what string, done, total int64) {
		if what != shown {
			clear()
			bar, shown = newBar(w, what, total), what
		}
		bar.Set64(done)
	}, clear
}

func newBar(w io.Writer, what string, total int64) *progressbar.ProgressBar {
	if total == 0 {
		total = -1 // a spinner
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish())
}
