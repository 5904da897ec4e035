package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTSV(t *testing.T) {
	const text = "\ufeffmood\tGood day\r\n\ncode\t\"x\" = 1\tand more\nmood\t 'tis\n"
	s, err := TSV("a.tsv", strings.NewReader(text), false)
	require.NoError(t, err)
	assert.Equal(t, &Set{
		Classes: []string{"code", "mood"},
		Texts:   []Text{{1, "Good day"}, {0, "\"x\" = 1\tand more"}, {1, " 'tis"}},
	}, s)
}

func TestTSVQuoted(t *testing.T) {
	const text = "a\t\"two\nlines, a \"\"word\"\" and a\ttab\"x\tgone\r\n\r\n\"b\"\tplain \"quotes\"\rb\tlast"
	s, err := TSV("a.tsv", strings.NewReader(text), true)
	require.NoError(t, err)
	assert.Equal(t, &Set{
		Classes: []string{"a", "b"},
		Texts:   []Text{{0, "two\nlines, a \"word\" and a\ttabx"}, {1, `plain "quotes"`}, {1, "last"}},
	}, s)
}

func TestTSVErrors(t *testing.T) {
	for _, c := range []struct {
		text, want string
		csv        bool
	}{
		{"a\tx\n\nb x\n", "a.tsv: row 3 (line 3) has no tab", false},
		{"a\t\"x\n\ny\"\nb\n", "a.tsv: row 2 (line 4) has no tab", true},
		{"a\tx\n\ty\n", "row 2 (line 2): the class or the text is empty", false},
		{"a\tx\nb\t \n", "row 2 (line 2): the class or the text is empty", false},
		{"a\tx\nb\t\xff\n", "line 2 is not UTF-8", false},
		{"a\tx\n", "1 classes", false},
		{"", "0 classes", false},
	} {
		_, err := TSV("a.tsv", strings.NewReader(c.text), c.csv)
		assert.ErrorContains(t, err, c.want, c.text)
	}
}

func TestSST(t *testing.T) {
	files := fstest.MapFS{
		"train.txt": {Data: []byte("(3 (2 It) (4 (2 's) (4 (3 good) (2 .))))\n\n(0 (1 Bad))\n")},
		"test.txt":  {Data: []byte("(2 (2 (2 -LRB-) (2 So)) (1 -RRB-))\n")},
	}
	s, err := SST(files, "trees")
	require.NoError(t, err)
	assert.Equal(t, []string{"positive", "negative", "very positive", "very negative", "neutral"}, s.Classes)
	assert.Equal(t, []Text{
		{0, "It's good."}, {4, "It"}, {2, "'s good."}, {4, "'s"}, {2, "good."}, {0, "good"}, {4, "."},
		{3, "Bad"}, {1, "Bad"},
	}, s.Texts)
	assert.Equal(t, []Text{{4, "(So)"}}, s.Test)
}

func TestSSTErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "train.txt: no trees",
		"(3 good":                         "line 1: a tree does not end",
		"(3 good))":                       "outside the tree",
		"(3 good)(3 good)":                "more than one tree",
		"(5 good)":                        "label from 0 to 4",
		"(3)":                             "label from 0 to 4",
		"(3 )":                            "without words",
		"good":                            "outside the tree",
		"(3 \xff)":                        "not UTF-8",
		strings.Repeat("(3 ", 2000) + "x": "too deep",
	} {
		_, err := SST(fstest.MapFS{"train.txt": {Data: []byte(text)}}, "trees")
		assert.ErrorContains(t, err, want, text)
	}
	_, err := SST(fstest.MapFS{"train.txt": {Data: []byte("(3 x)")}}, "trees")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestDetokenize(t *testing.T) {
	for words, want := range map[string]string{
		"It ca n't be denied -- not really -- that they 're good ; I 'd say : yes !": "It can't be denied--not really--that they're good; I'd say: yes!",
		"`` What ? '' he said . `` No . ''":                                          `"What?" he said. "No."`,
		"-LRB- It 's -RRB- 10 % better than $ 5 films ...":                           "(It's) 10% better than $5 films...",
		"The kids ' toys are gon na be great , You can not miss 8\\/10 .":            "The kids' toys are gonna be great, You cannot miss 8/10.",
		"": "",
	} {
		assert.Equal(t, want, Detokenize(strings.Fields(words)))
	}
}

func TestClickbait(t *testing.T) {
	const text = `{'text': "You won't \"believe\" it", 'label': 1}` + "\n\n" + `{"label": 0, "text": "A plain line \u00e9"}`
	s, err := Clickbait("c.txt", strings.NewReader(text))
	require.NoError(t, err)
	assert.Equal(t, &Set{
		Classes: []string{"non_clickbait", "clickbait"}, Default: 1,
		Texts: []Text{{1, `You won't "believe" it`}, {0, "A plain line é"}},
	}, s)
}

func TestToxic(t *testing.T) {
	s, err := Toxic("t.txt", strings.NewReader(`{'text': 'a', 'label': [0, 0, 1]}`+"\n"+`{'text': 'b', 'label': [0, 0, 0]}`))
	require.NoError(t, err)
	assert.Equal(t, &Set{Classes: []string{"non_toxic", "toxic"}, Texts: []Text{{1, "a"}, {0, "b"}}}, s)
}

func TestKaggle(t *testing.T) {
	s, err := Kaggle("t.csv", strings.NewReader("id,comment_text,toxic,insult\n1,\"a \"\"quoted\"\"\nline\",0,1\n2,b,0,0\n"))
	require.NoError(t, err)
	assert.Equal(t, []Text{{1, "a \"quoted\"\nline"}, {0, "b"}}, s.Texts)
	for text, want := range map[string]string{
		"":                                        "EOF",
		"id,text,toxic\n1,a,0\n":                  "want id,comment_text",
		"id,comment_text,toxic\n1,a,2\n":          `line 2: toxic is "2"`,
		"id,comment_text,toxic\n1, ,1\n":          "line 2: the text is empty",
		"id,comment_text,toxic\n1,a\n":            "wrong number of fields",
		"id,comment_text,toxic\n":                 "no texts",
		"id,comment_text,toxic\n1,\"a\nb\n\xff,1": "t.csv",
	} {
		_, err := Kaggle("t.csv", strings.NewReader(text))
		assert.ErrorContains(t, err, want, text)
	}
}

func TestDictionaryErrors(t *testing.T) {
	for line, want := range map[string]string{
		`{'text': 'a'}`:                        "line 1: it has no label",
		`{'label': 1}`:                         "it has no text",
		`{'text': '', 'label': 1}`:             "it has no text",
		`{'text': 'a', 'label': 2}`:            "want 0 or 1",
		`[1]`:                                  "not a dictionary",
		`{'text': 'a', 'label': 1`:             "comma or }",
		`{'text': 'a' 'label': 1}`:             "comma or }",
		`{'text': 'a`:                          "does not end",
		`{'text': '\x4'}`:                      "no character",
		`{1: 2}`:                               "where a string and a colon",
		`__import__('os').system('ls')`:        "is not a string",
		`{'text': open('x'), 'label': 1}`:      "is not a string",
		`{'text': 'a', 'label': 1} or 2`:       "follows the value",
		`{'text': '` + "\xff" + `'}`:           "not UTF-8",
		strings.Repeat("[", 100):               "within each other",
		"":                                     "no texts",
		`{'text': '\ud800', 'label': 1}`:       "no character",
		`{'text': 'a', 'label': 1e999}`:        "not a number",
		`{'text': 'a', 'label': [1, [2]}`:      "comma or ]",
		`{'text': '\U99999999', 'label': [1]}`: "no character",
	} {
		_, err := Clickbait("c.txt", strings.NewReader(line))
		assert.ErrorContains(t, err, want, line)
	}
}

func TestLiteral(t *testing.T) {
	for text, want := range map[string]any{
		`'a\'b' "c"`:               "a'bc",
		`u'é\n\t\\'`:               "é\n\t\\",
		`r'\n'`:                    `\n`,
		`'''a'b"'''`:               `a'b"`,
		`''`:                       "",
		`"\ud83d\ude00\x41\101\q"`: "😀AA\\q",
		`"\0"`:                     "\x00",
		` ( 1, -2.5e1 , [], ) `:    []any{1.0, -25.0, []any{}},
		`{"a": None, 'b': true,}`:  map[string]any{"a": nil, "b": true},
	} {
		got, err := literal(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
		return path
	}
	write("train.txt", "(3 x)")
	write("test.txt", "(3 x)")
	for kind, path := range map[string]string{
		"SST":       dir,
		"clickbait": write("c.txt", `{'text': 'a', 'label': 1}`),
		"toxic":     write("t.csv", "id,comment_text,toxic\n1,a,1\n"),
		"generic":   write("g.tsv", "a\tb\nb\tc\n"),
	} {
		s, err := Open(kind, path, false)
		require.NoError(t, err)
		assert.NotEmpty(t, s.Texts)
	}
	_, err := Open("sst", dir, false)
	assert.ErrorContains(t, err, "want one of")
	_, err = Open("generic", dir+"/none", false)
	assert.ErrorIs(t, err, os.ErrNotExist)
}
