package dataset

import (
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func checkSet(t *testing.T, s *Set, err error) {
	if err != nil {
		return
	}
	for _, x := range append(s.Texts, s.Test...) {
		require.True(t, x.Class >= 0 && x.Class < len(s.Classes))
		require.True(t, utf8.ValidString(x.Text))
		require.NotEmpty(t, x.Text)
	}
}

func FuzzTSV(f *testing.F) {
	f.Add("a\tx\nb\t\"y\n\"\"z\"\tw\r\n", true)
	f.Add("a\tx\r\n\nb\ty\tz", false)
	f.Fuzz(func(t *testing.T, text string, csv bool) {
		s, err := TSV("f", strings.NewReader(text), csv)
		checkSet(t, s, err)
	})
}

func FuzzDictionaries(f *testing.F) {
	f.Add(`{'text': u'a\x41\u1234\'', "label": [1, 0.5, -3e2]}`)
	f.Add(`{"text": """a" """ 'b', "label": 1, 'c': (True, None,)}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Clickbait("f", strings.NewReader(text))
		checkSet(t, s, err)
		s, err = Toxic("f", strings.NewReader(text))
		checkSet(t, s, err)
		s, err = Kaggle("f", strings.NewReader(text))
		checkSet(t, s, err)
	})
}

func FuzzSST(f *testing.F) {
	f.Add("(3 (2 It) (4 (2 's) (4 (3 good) (2 .))))\n\n(0 -LRB-)\n")
	f.Fuzz(func(t *testing.T, text string) {
		data := &fstest.MapFile{Data: []byte(text)}
		s, err := SST(fstest.MapFS{"train.txt": data, "test.txt": data}, "f")
		checkSet(t, s, err)
	})
}
