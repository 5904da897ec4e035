package corpus

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		split              string
		n                  int
		train, valid, test int // test is 0 where there is none
	}{
		{DefaultSplit, 100_000_000, 90_000_000, 5_000_000, 5_000_000},
		{DefaultSplit, 1000, 900, 50, 50},
		{DefaultSplit, 1_115_394, 1_003_854, 55_770, 55_770},
		{"90/10", 1_115_394, 1_003_854, 111_540, 0},
		{"33.3/33.3/33.4", 10, 3, 3, 4},
		{"99.999999/0.000001", 100_000_000, 99_999_999, 1, 0},
		{"50/50", 2, 1, 1, 0},
		{"90000000/5000000/5000000", 100_000_000, 90_000_000, 5_000_000, 5_000_000},
		{"7/2/1", 10, 7, 2, 1},
		{"9/1", 10, 9, 1, 0},
		{"090/10.0", 100, 90, 10, 0},
	}
	all := make([]byte, 100_000_000)
	for i := range all {
		all[i] = byte(i)
	}
	for _, tt := range tests {
		t.Run(tt.split, func(t *testing.T) {
			split, err := ParseSplit(tt.split)
			require.NoError(t, err)
			text := all[:tt.n]
			p, err := split.Cut(text)
			require.NoError(t, err)
			require.Equal(t, []int{tt.train, tt.valid, tt.test}, []int{len(p.Train), len(p.Valid), len(p.Test)})
			require.Same(t, &text[0], &p.Train[0])
			require.Same(t, &text[tt.train], &p.Valid[0])
			if tt.test == 0 {
				require.Nil(t, p.Test)
				return
			}
			require.Same(t, &text[tt.train+tt.valid], &p.Test[0])
		})
	}
}

func TestParseSplitErrors(t *testing.T) {
	tests := []struct{ split, want string }{
		{"", "want two or three numbers"},
		{"100", "want two or three numbers"},
		{"25/25/25/25", "want two or three numbers"},
		{"90/0/10", `"0" is not a positive number`},
		{"90/-5/15", `"-5" is not a positive number`},
		{"90/+10", `"+10" is not a positive number`},
		{"90/ 10", `" 10" is not a positive number`},
		{"90/ten", `"ten" is not a positive number`},
		{"90/", `"" is not a positive number`},
		{"90/10.", `"10." is not a positive number`},
		{"99.5/.5", `".5" is not a positive number`},
		{"90/1e1", `"1e1" is not a positive number`},
		{"99.5/0.5.0", `"0.5.0" is not a positive number`},
		{"90.5/9", "add up to 99.5, not to 100, and 90.5 is no byte count"},
		{"90/5/5.000001", "add up to 100.000001, not to 100, and 5.000001 is no byte count"},
		{"99.0000001/1", "more than 12 digits or six decimals"},
		{"9999999999999/1", "more than 12 digits or six decimals"},
	}
	for _, tt := range tests {
		t.Run(tt.split, func(t *testing.T) {
			_, err := ParseSplit(tt.split)
			require.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, `"`+tt.split+`"`)
		})
	}
}

func TestCutErrors(t *testing.T) {
	tests := []struct {
		split string
		n     int
		want  string
	}{
		{"90/5/6", 1000, "split 90/5/6: the numbers add up to 101, which is neither 100 per cent nor the text's 1000 bytes"},
		{"900/99", 1000, "split 900/99: the numbers add up to 999"},
		{"900/101", 1000, "split 900/101: the numbers add up to 1001"},
		{"90/5/5", 5, "split 90/5/5: 5 bytes are too few, the validation part is empty"},
		{"90/10", 1, "split 90/10: 1 bytes are too few, the training part is empty"},
		{"90/10", 0, "the training part is empty"},
		{"999999999999/999999999999/999999999999", 7, "add up to 2999999999997"},
	}
	for _, tt := range tests {
		t.Run(tt.split, func(t *testing.T) {
			split, err := ParseSplit(tt.split)
			require.NoError(t, err)
			_, err = split.Cut(make([]byte, tt.n))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func FuzzParseSplit(f *testing.F) {
	for _, s := range []string{DefaultSplit, "90/10", "7/2/1", "99.5/0.5", "", "1e9/2", "999999999999/1"} {
		f.Add(s, uint16(10))
	}
	f.Fuzz(func(t *testing.T, s string, n uint16) {
		split, err := ParseSplit(s)
		if err != nil {
			return
		}
		again, err := ParseSplit(split.String())
		if err != nil || again != split {
			t.Fatalf("%q is %v, and that %v (%v)", s, split, again, err)
		}
		text := make([]byte, n)
		p, err := split.Cut(text)
		if err != nil {
			return
		}
		if len(p.Train)+len(p.Valid)+len(p.Test) != len(text) {
			t.Fatalf("%q loses bytes of %d", s, n)
		}
		if (p.Test != nil) != (strings.Count(s, "/") == 2) || len(p.Train) == 0 || len(p.Valid) == 0 {
			t.Fatalf("%q of %d: %d, %d, %d", s, n, len(p.Train), len(p.Valid), len(p.Test))
		}
	})
}
