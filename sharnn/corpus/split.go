package corpus

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// DefaultSplit is the split of enwik8 in the literature: of its 100,000,000
// bytes, 90/5/5 per cent are exactly 90, 5 and 5 million.
const DefaultSplit = "90/5/5"

// million is the resolution of a part: numbers have up to six decimals.
const million = 1_000_000

const maxPartDigits = 12

// Split says how to cut a text, in file order, into a training, a validation
// and perhaps a test part. [ParseSplit] makes one.
type Split struct {
	parts [3]int64 // millionths of a per cent or of a byte; the last may be 0
}

// Parts are the pieces of a text. They alias it.
type Parts struct {
	Train []byte
	Valid []byte
	Test  []byte // nil if there is none
}

// ParseSplit reads a split such as "90/5/5", "90/10" or
// "90000000/5000000/5000000": two or three positive numbers, for train,
// validation and, if there are three, test. Numbers that add up to 100 are per
// cents and may have up to six decimals; others are byte counts, which must add
// up to the length of the text that is cut.
func ParseSplit(s string) (Split, error) {
	fields := strings.Split(s, "/")
	if len(fields) != 2 && len(fields) != 3 {
		return Split{}, fmt.Errorf("split %q: want two or three numbers such as %s or 90/10", s, DefaultSplit)
	}
	var split Split
	for i, field := range fields {
		part, err := parsePart(field)
		if err != nil {
			return Split{}, fmt.Errorf("split %q: %w", s, err)
		}
		split.parts[i] = part
	}
	if split.percent() {
		return split, nil
	}
	for i, field := range fields {
		if split.parts[i]%million != 0 {
			return Split{}, fmt.Errorf("split %q: the numbers add up to %s, not to 100, and %s is no byte count",
				s, formatPart(split.sum()), field)
		}
	}
	return split, nil
}

// Cut cuts text. Cuts at per cents are rounded down to whole bytes, each from
// the beginning of the text, so that no byte is lost. It is an error if byte
// counts do not add up to len(text), or if a part is empty.
func (s Split) Cut(text []byte) (Parts, error) {
	n := uint64(len(text))
	first, second := uint64(s.parts[0]), uint64(s.parts[0]+s.parts[1])
	unit := uint64(million)
	if s.percent() {
		first, second, unit = percentOf(n, first), percentOf(n, second), 1
	} else if uint64(s.sum()) != n*million {
		return Parts{}, fmt.Errorf("split %s: the numbers add up to %s, which is neither 100 per cent nor the text's %d bytes",
			s, formatPart(s.sum()), n)
	}
	a, b := first/unit, second/unit
	p := Parts{Train: text[:a:a], Valid: text[a:b:b]}
	if s.parts[2] > 0 {
		p.Test = text[b:]
	}
	for _, part := range []struct {
		name  string
		empty bool
	}{
		{"training", len(p.Train) == 0},
		{"validation", len(p.Valid) == 0},
		{"test", s.parts[2] > 0 && len(p.Test) == 0},
	} {
		if part.empty {
			return Parts{}, fmt.Errorf("split %s: %d bytes are too few, the %s part is empty", s, n, part.name)
		}
	}
	return p, nil
}

// String returns the split in the form that ParseSplit reads.
func (s Split) String() string {
	str := formatPart(s.parts[0]) + "/" + formatPart(s.parts[1])
	if s.parts[2] > 0 {
		str += "/" + formatPart(s.parts[2])
	}
	return str
}

func (s Split) sum() int64 { return s.parts[0] + s.parts[1] + s.parts[2] }

func (s Split) percent() bool { return s.sum() == 100*million }

// percentOf is n*part/(100*million), rounded down, for parts up to the whole.
func percentOf(n, part uint64) uint64 {
	hi, lo := bits.Mul64(n, part)
	q, _ := bits.Div64(hi, lo, 100*million)
	return q
}

// parsePart reads a positive decimal number in millionths.
func parsePart(s string) (int64, error) {
	whole, frac, point := strings.Cut(s, ".")
	if len(whole) > maxPartDigits || len(frac) > 6 {
		return 0, fmt.Errorf("%q has more than %d digits or six decimals", s, maxPartDigits)
	}
	w, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || point && frac == "" {
		return 0, fmt.Errorf("%q is not a positive number", s)
	}
	f, err := strconv.ParseUint((frac + "000000")[:6], 10, 63)
	if err != nil || w == 0 && f == 0 {
		return 0, fmt.Errorf("%q is not a positive number", s)
	}
	return int64(w*million + f), nil
}

func formatPart(part int64) string {
	s := strconv.FormatInt(part/million, 10)
	if frac := part % million; frac != 0 {
		s += strings.TrimRight(fmt.Sprintf(".%06d", frac), "0")
	}
	return s
}
