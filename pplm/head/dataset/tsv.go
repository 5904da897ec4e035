package dataset

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// TSV reads rows of a class, a tab and a text; the classes come in alphabetical
// order. Rows are lines, and quotes are characters like others. With csv quoting,
// as in the reference, a field that begins with " ends at the next single ", may
// hold tabs and line ends, and what follows a second tab is dropped. Empty rows
// are skipped. A row without a tab, an empty class or text, and bytes that are
// not UTF-8 are errors.
func TSV(name string, r io.Reader, csv bool) (*Set, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%s: line %d is not UTF-8", name, badLine(data))
	}
	rows := lines(string(data))
	if csv {
		rows = quoted(string(data), '\t')
	}
	s, at := &Set{}, make(map[string]int)
	for _, row := range rows {
		switch {
		case len(row.fields) < 2:
			return nil, fmt.Errorf("%s: row %d (line %d) has no tab: want a class, a tab and a text", name, row.number, row.line)
		case row.fields[0] == "" || strings.TrimSpace(row.fields[1]) == "":
			return nil, fmt.Errorf("%s: row %d (line %d): the class or the text is empty", name, row.number, row.line)
		}
		at[row.fields[0]] = 0
	}
	for class := range at {
		s.Classes = append(s.Classes, class)
	}
	slices.Sort(s.Classes)
	for i, class := range s.Classes {
		at[class] = i
	}
	for _, row := range rows {
		s.Texts = append(s.Texts, Text{at[row.fields[0]], row.fields[1]})
	}
	if len(s.Classes) < 2 {
		return nil, fmt.Errorf("%s: %d classes: want at least 2", name, len(s.Classes))
	}
	return s, nil
}

// badLine is the number of the first line that is not UTF-8.
func badLine(data []byte) int {
	n := 1
	for line := range bytes.Lines(data) {
		if !utf8.Valid(line) {
			break
		}
		n++
	}
	return n
}

// row is a row of a table, its number counted from 1 among all rows.
type row struct {
	number, line int
	fields       []string
}

// lines are the rows of text, one a line, in two fields.
func lines(text string) []row {
	var rows []row
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			rows = append(rows, row{n, n, strings.SplitN(line, "\t", 2)})
		}
	}
	return rows
}

// quoted are the rows of text as Python's csv module reads them: a field that
// begins with a quote goes on to the next quote that is not doubled, and what
// stands between that and the delimiter is added to it. Rows end at \n, \r or
// \r\n outside quotes.
func quoted(text string, delimiter byte) []row {
	var rows []row
	current, field := row{number: 1, line: 1}, []byte(nil)
	line, begun, inside := 1, false, false
	endField := func() {
		current.fields, field = append(current.fields, string(field)), field[:0]
		begun = false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		newline := c == '\n' || c == '\r'
		if c == '\n' || c == '\r' && !strings.HasPrefix(text[i+1:], "\n") {
			line++
		}
		switch {
		case inside && c == '"' && strings.HasPrefix(text[i+1:], `"`):
			field = append(field, c)
			i++
		case c == '"' && (inside || !begun):
			inside, begun = !inside, true
		case inside || c != delimiter && !newline:
			field, begun = append(field, c), true
		case c == delimiter:
			endField()
		default:
			if c == '\r' && strings.HasPrefix(text[i+1:], "\n") {
				i++
				line++
			}
			if begun || len(current.fields) > 0 {
				endField()
				rows = append(rows, current)
			}
			current = row{number: current.number + 1, line: line}
		}
	}
	if begun || len(current.fields) > 0 {
		endField()
		rows = append(rows, current)
	}
	return rows
}
