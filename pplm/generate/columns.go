package main

import (
	"io"
	"strings"
	"unicode/utf8"
)

// The least width of a column, and what stands between two.
const (
	leastColumn = 8
	between     = " | "
)

// clearLine is the terminal's code for the start of an empty line.
const clearLine = "\r\x1b[K"

// columns writes texts side by side, row by row.
type columns struct {
	w      io.Writer
	width  int  // of one column
	colour bool // bag words
	live   bool // the row that still grows is drawn again and again: for terminals
	row    int  // rows that are written
}

// newColumns shares width characters among n columns.
func newColumns(w io.Writer, width, n int, colour, live bool) *columns {
	return &columns{w: w, width: max(leastColumn, (width-(n-1)*len(between))/n), colour: colour, live: live}
}

// grow writes the rows that are whole, and where live is set the one after them.
func (c *columns) grow(texts []*text) error { return c.write(texts, false) }

// end writes the rest of texts that do not grow any more. The next ones start at
// their first row.
func (c *columns) end(texts []*text) error {
	err := c.write(texts, true)
	c.row = 0
	return err
}

// plain writes texts without words to mark.
func (c *columns) plain(contents []string) error {
	texts := make([]*text, len(contents))
	for i, s := range contents {
		texts[i] = &text{content: s}
	}
	return c.end(texts)
}

func (c *columns) write(texts []*text, ended bool) error {
	parts := make([][]span, len(texts))
	most, least := 0, -1
	for i, t := range texts {
		parts[i] = lines(t.content, c.width)
		most = max(most, len(parts[i]))
		if least < 0 || len(parts[i]) < least {
			least = len(parts[i])
		}
	}
	whole := least - 1
	if ended {
		whole = most
	}
	var b strings.Builder
	for ; c.row < whole; c.row++ {
		c.clear(&b)
		b.WriteString(c.line(texts, parts, c.row) + "\n")
	}
	if c.live && !ended {
		c.clear(&b)
		b.WriteString(c.line(texts, parts, c.row))
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(c.w, b.String())
	return err
}

// clear goes back to the start of an empty line.
func (c *columns) clear(b *strings.Builder) {
	if c.live {
		b.WriteString(clearLine)
	}
}

// line is one row of all columns.
func (c *columns) line(texts []*text, parts [][]span, row int) string {
	var b strings.Builder
	for i, t := range texts {
		if i > 0 {
			b.WriteString(between)
		}
		n := 0
		if row < len(parts[i]) {
			s := parts[i][row]
			n = utf8.RuneCountInString(t.content[s.from:s.to])
			b.WriteString(paint(t.content, s, t.words, c.colour))
		}
		b.WriteString(strings.Repeat(" ", c.width-n))
	}
	return strings.TrimRight(b.String(), " ")
}
