package engine

import (
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/pplm"
)

// Finish says why a text ended.
type Finish string

// The reasons: a stop string or the model's token between texts, and the length.
const (
	Stop   Finish = "stop"
	Length Finish = "length"
)

// Token is a token of a text.
type Token struct {
	ID         int32
	Text       string  // the characters that it completes; up to a stop string
	P          float64 // see [pplm.Token] for these
	Steered    float64
	Plain      float64
	KL         float64
	Likelihood []float64
}

// Piece is what a sample has more.
type Piece struct {
	Sample int
	Text   string // in whole characters
	Tokens []Token
	Finish Finish // "" where it goes on
}

// sample turns tokens into pieces. Text that may be the beginning of a stop string
// is held back, with its tokens, until it is known.
type sample struct {
	number  int
	decoder *bpe.Decoder
	stop    []string
	begin   int32 // the token between texts; negative where there is none
	length  int

	count  int     // tokens so far
	held   []Token // of which nothing was handed out
	finish Finish
}

// add takes the next token. It returns false where there is nothing to hand out.
func (s *sample) add(t *pplm.Token) (Piece, bool) {
	s.count++
	if t.ID == s.begin {
		return s.end(Stop), true
	}
	s.held = append(s.held, Token{
		ID: t.ID, Text: s.decoder.Next(t.ID), P: t.P, Steered: t.Steered, Plain: t.Plain, KL: t.KL,
		Likelihood: slices.Clone(t.Likelihood),
	})
	text := join(s.held)
	if at := first(text, s.stop); at >= 0 {
		s.finish = Stop
		return s.take(at), true
	}
	if s.count == s.length {
		return s.end(Length), true
	}
	p := s.take(len(text) - possible(text, s.stop))
	return p, len(p.Tokens) > 0
}

// end hands out what is held back, and what stands for an incomplete character.
func (s *sample) end(why Finish) Piece {
	s.finish = why
	p := s.take(len(join(s.held)))
	p.Text += s.decoder.End()
	return p
}

// take hands out the tokens of the first n bytes of what is held: where the text
// goes on whole ones, and where it has ended all that begin there, the last of them
// cut.
func (s *sample) take(n int) Piece {
	p := Piece{Sample: s.number, Finish: s.finish}
	for len(s.held) > 0 {
		t := s.held[0]
		if len(t.Text) > n {
			if s.finish == "" || n == 0 {
				break
			}
			t.Text = t.Text[:n]
		}
		n -= len(t.Text)
		p.Text += t.Text
		p.Tokens, s.held = append(p.Tokens, t), s.held[1:]
	}
	if s.finish != "" {
		s.held = nil
	}
	return p
}

func join(tokens []Token) string {
	var b strings.Builder
	for i := range tokens {
		b.WriteString(tokens[i].Text)
	}
	return b.String()
}

// first is where the first of the stop strings begins in text, or -1.
func first(text string, stop []string) int {
	at := -1
	for _, s := range stop {
		if i := strings.Index(text, s); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	return at
}

// possible is how many bytes at the end of text may begin a stop string.
func possible(text string, stop []string) int {
	most := 0
	for _, s := range stop {
		for n := min(len(s)-1, len(text)); n > most; n-- {
			if strings.HasSuffix(text, s[:n]) {
				most = n
			}
		}
	}
	return most
}
