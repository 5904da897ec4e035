package corpus

import (
	"context"
	"io"
)

// Progress is told how far a long pass over a text has come, mostly in bytes;
// total is 0 where it is not known. A nil Progress is told nothing.
type Progress func(what string, done, total int64)

func (p Progress) tell(what string, done, total int64) {
	if p != nil {
		p(what, done, total)
	}
}

// blockSize is how much of a text a pass reads between two looks at its context.
const blockSize = 1 << 20

// meter passes writes on, counts them, and stops where its context ends.
type meter struct {
	ctx         context.Context
	w           io.Writer
	tell        Progress
	what        string
	done, total int64
}

func (m *meter) Write(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.w.Write(p)
	m.done += int64(n)
	m.tell.tell(m.what, m.done, m.total)
	return n, err
}
