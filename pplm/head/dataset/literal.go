package dataset

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxNesting is how deep lists and dictionaries may lie within each other.
const maxNesting = 32

// literal reads a Python literal, of which JSON is nearly a part: strings
// (string), integers and floats (float64), True, False and None, in JSON's
// spelling too (bool, nil), lists and tuples ([]any) and dictionaries with
// strings for keys (map[string]any).
func literal(text string) (any, error) {
	p := &parser{rest: text}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.skip(); p.rest != "" {
		return nil, fmt.Errorf("%.20q follows the value", p.rest)
	}
	return v, nil
}

type parser struct{ rest string }

func (p *parser) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// take removes a token, if it comes next.
func (p *parser) take(token string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, token)
	p.rest = rest
	return ok
}

func (p *parser) value(depth int) (any, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("more than %d lists within each other", maxNesting)
	}
	p.skip()
	if p.rest == "" {
		return nil, errors.New("cut short")
	}
	switch c := p.rest[0]; {
	case c == '{':
		return p.dictionary(depth)
	case c == '[':
		return p.list(depth, "[", "]")
	case c == '(':
		return p.list(depth, "(", ")")
	case c == '-' || c == '+' || c == '.' || '0' <= c && c <= '9':
		return p.number()
	}
	if p.quoteAt() >= 0 {
		return p.strings()
	}
	for word, v := range map[string]any{"True": true, "true": true, "False": false, "false": false, "None": nil, "null": nil} {
		if p.take(word) {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%.20q is not a string, number, list or dictionary", p.rest)
}

func (p *parser) dictionary(depth int) (any, error) {
	p.take("{")
	d := make(map[string]any)
	for !p.take("}") {
		key, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok || !p.take(":") {
			return nil, fmt.Errorf("%.20q where a string and a colon should be", p.rest)
		}
		if d[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
		if !p.take(",") && !strings.HasPrefix(p.rest, "}") {
			return nil, fmt.Errorf("%.20q where a comma or } should be", p.rest)
		}
	}
	return d, nil
}

func (p *parser) list(depth int, open, end string) (any, error) {
	p.take(open)
	items := []any{}
	for !p.take(end) {
		item, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if !p.take(",") && !strings.HasPrefix(p.rest, end) {
			return nil, fmt.Errorf("%.20q where a comma or %s should be", p.rest, end)
		}
	}
	return items, nil
}

func (p *parser) number() (any, error) {
	n := strings.IndexFunc(p.rest, func(r rune) bool { return !strings.ContainsRune("+-.0123456789eE", r) })
	if n < 0 {
		n = len(p.rest)
	}
	x, err := strconv.ParseFloat(p.rest[:n], 64)
	if err != nil {
		return nil, fmt.Errorf("%.20q is not a number", p.rest[:n])
	}
	p.rest = p.rest[n:]
	return x, nil
}

// quoteAt is where the quote of a string stands, after a prefix such as u or r;
// -1 where none begins.
func (p *parser) quoteAt() int {
	i := strings.IndexAny(p.rest, `'"`)
	if i < 0 || i > 1 || i == 1 && !strings.ContainsAny(p.rest[:1], "urUR") {
		return -1
	}
	return i
}

// strings reads string literals in a row, which Python joins.
func (p *parser) strings() (any, error) {
	var b strings.Builder
	for {
		i := p.quoteAt()
		if i < 0 {
			return b.String(), nil
		}
		raw := i == 1 && strings.ContainsAny(p.rest[:1], "rR")
		quote := p.rest[i : i+1]
		if long := strings.Repeat(quote, 3); strings.HasPrefix(p.rest[i:], long) {
			quote = long
		}
		p.rest = p.rest[i+len(quote):]
		if err := p.body(&b, quote, raw); err != nil {
			return nil, err
		}
		p.skip()
	}
}

// body reads to the closing quote.
func (p *parser) body(b *strings.Builder, quote string, raw bool) error {
	for !strings.HasPrefix(p.rest, quote) {
		if p.rest == "" {
			return errors.New("a string does not end")
		}
		if p.rest[0] == '\\' && len(p.rest) > 1 {
			if raw {
				b.WriteString(p.rest[:2])
				p.rest = p.rest[2:]
			} else if err := p.escape(b); err != nil {
				return err
			}
			continue
		}
		b.WriteByte(p.rest[0])
		p.rest = p.rest[1:]
	}
	p.rest = p.rest[len(quote):]
	return nil
}

// escapes are those of one character.
var escapes = map[byte]byte{
	'\\': '\\', '\'': '\'', '"': '"', 'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '/': '/',
}

// escape reads a backslash and what it stands for. An unknown one stays as it
// is, as in Python.
func (p *parser) escape(b *strings.Builder) error {
	c := p.rest[1]
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	switch plain, ok := escapes[c]; {
	case ok:
		b.WriteByte(plain)
	case digits > 0:
		r, err := p.code(digits)
		if err != nil {
			return err
		}
		b.WriteRune(r)
		return nil
	case '0' <= c && c <= '7':
		n := 1
		for n < 3 && n+1 < len(p.rest) && '0' <= p.rest[n+1] && p.rest[n+1] <= '7' {
			n++
		}
		r, _ := strconv.ParseUint(p.rest[1:1+n], 8, 16)
		b.WriteRune(rune(r))
		p.rest = p.rest[1+n:]
		return nil
	case c == '\n':
	default:
		b.WriteString(p.rest[:1])
		p.rest = p.rest[1:]
		return nil
	}
	p.rest = p.rest[2:]
	return nil
}

// code reads the hexadecimal digits of \x, \u or \U; two halves of a surrogate
// pair, as JSON writes them, are one character.
func (p *parser) code(digits int) (rune, error) {
	r, err := p.hex(digits)
	if err != nil {
		return 0, err
	}
	if 0xd800 <= r && r < 0xdc00 && strings.HasPrefix(p.rest, `\u`) {
		low, err := p.hex(4)
		if err != nil {
			return 0, err
		}
		if 0xdc00 <= low && low < 0xe000 {
			return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), nil
		}
		r = -1
	}
	if !utf8.ValidRune(r) {
		return 0, errors.New("an escape in a string is no character")
	}
	return r, nil
}

func (p *parser) hex(digits int) (rune, error) {
	if len(p.rest) < 2+digits {
		return 0, errors.New("an escape in a string is cut short")
	}
	n, err := strconv.ParseUint(p.rest[2:2+digits], 16, 31)
	if err != nil {
		return 0, fmt.Errorf("the escape %q in a string is no character", p.rest[:2+digits])
	}
	p.rest = p.rest[2+digits:]
	return rune(n), nil
}
