package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/tiller-ml/tiller/pplm/internal/models"
)

// stream writes texts one below another, each from its title to its note as it
// grows.
type stream struct {
	w       io.Writer
	colour  bool // bag words
	begun   bool // the title of a text is written, and its note is not
	written int  // bytes of the text's content
}

// grow writes what a text has more, as far as no further token changes it.
func (s *stream) grow(title string, x *text) error {
	to := len(x.content)
	if s.colour {
		to = x.settled()
	}
	return s.write(title, x, to, "")
}

// end writes the rest of a text that does not grow any more.
func (s *stream) end(title string, x *text, note string) error {
	if note != "" {
		note += "\n"
	}
	err := s.write(title, x, len(x.content), "\n"+note+"\n")
	s.begun, s.written = false, 0
	return err
}

// write writes content up to a place, and what comes after it, in one piece.
func (s *stream) write(title string, x *text, to int, after string) error {
	var out string
	if !s.begun {
		out = "= " + title + " =\n"
		s.begun = true
	}
	if to > s.written {
		part := x.content[s.written:to]
		if s.colour {
			part = paint(x.content, span{s.written, to}, x.words, true)
		}
		out += part
		s.written = to
	}
	if out += after; out == "" {
		return nil
	}
	_, err := io.WriteString(s.w, out)
	return err
}

// runStream generates the sides one after another and prints the first text of each
// as it grows, then the other ones.
func (p *printer) runStream(ctx context.Context, m *models.Model) error {
	out := &stream{w: p.stdout, colour: p.colour}
	for _, s := range p.sides {
		err := p.generate(ctx, m, []*side{s}, func(int) error { return out.grow(p.title(s, 0), s.texts[0]) })
		if err != nil && !p.stopped(ctx, err) {
			if out.begun {
				fmt.Fprintln(p.stdout) // so that err, which says what fails, has its own line
			}
			return err
		}
		if s.begun() {
			if failed := out.end(p.title(s, 0), s.texts[0], p.note(s, 0)); failed != nil {
				return failed
			}
		}
		if err != nil {
			break
		}
	}
	return p.printTexts(out, 1)
}

// printTexts prints the texts from the sample with a number on, of all sides that
// have any.
func (p *printer) printTexts(out *stream, from int) error {
	for _, i := range p.shown()[from:] {
		for _, s := range p.sides {
			if !s.begun() {
				continue
			}
			if err := out.end(p.title(s, i), s.texts[i], p.note(s, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// title says what a text is.
func (p *printer) title(s *side, i int) string {
	title := s.title
	if s.steered {
		title = "steered: " + title
	}
	if p.samples > 1 {
		title += fmt.Sprintf(", sample %d", i+1)
	}
	return title
}

// regular tells whether w is a file on a disk, which nobody watches as it grows.
func regular(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}
