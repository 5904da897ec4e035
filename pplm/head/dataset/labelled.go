package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// maxLine is the length in bytes of the longest line of the reference's sets.
const maxLine = 1 << 22

// Clickbait reads the reference's format: a line for each text, a dictionary
// in Python's spelling or JSON's, {'text': "...", 'label': 1} for clickbait and 0
// for none.
func Clickbait(name string, r io.Reader) (*Set, error) {
	return dictionaries(name, r, &Set{Classes: []string{"non_clickbait", "clickbait"}, Default: 1}, func(label any) (int, error) {
		if n, ok := label.(float64); ok && (n == 0 || n == 1) {
			return int(n), nil
		}
		return 0, fmt.Errorf("the label is %v: want 0 or 1", label)
	})
}

// Toxic reads the reference's format: as of [Clickbait], but a label is a list
// of numbers, of which one above 0 makes a text toxic.
func Toxic(name string, r io.Reader) (*Set, error) {
	return dictionaries(name, r, toxicSet(), func(label any) (int, error) {
		list, ok := label.([]any)
		if !ok {
			list = []any{label}
		}
		sum := 0.0
		for _, item := range list {
			n, ok := item.(float64)
			if !ok {
				return 0, fmt.Errorf("the label is %v: want a list of numbers", label)
			}
			sum += n
		}
		return indicator(sum > 0), nil
	})
}

func toxicSet() *Set { return &Set{Classes: []string{"non_toxic", "toxic"}} }

func indicator(b bool) int {
	if b {
		return 1
	}
	return 0
}

// dictionaries reads a line for each text into s.
func dictionaries(name string, r io.Reader, s *Set, class func(label any) (int, error)) (*Set, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		t, err := dictionary(line, class)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, n, err)
		}
		s.Texts = append(s.Texts, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: line %d: %w", name, n+1, err)
	}
	if len(s.Texts) == 0 {
		return nil, fmt.Errorf("%s: no texts", name)
	}
	return s, nil
}

func dictionary(line string, class func(label any) (int, error)) (Text, error) {
	if !utf8.ValidString(line) {
		return Text{}, errors.New("it is not UTF-8")
	}
	v, err := literal(line)
	if err != nil {
		return Text{}, err
	}
	d, ok := v.(map[string]any)
	if !ok {
		return Text{}, errors.New("it is not a dictionary")
	}
	text, ok := d["text"].(string)
	if !ok || strings.TrimSpace(text) == "" {
		return Text{}, errors.New("it has no text")
	}
	label, ok := d["label"]
	if !ok {
		return Text{}, errors.New("it has no label")
	}
	c, err := class(label)
	return Text{c, text}, err
}

// Kaggle reads the CSV of the toxic comment classification challenge: a head of
// id, comment_text and labels, then a row for each text, toxic where any label is
// not 0.
func Kaggle(name string, r io.Reader) (*Set, error) {
	rows := csv.NewReader(r)
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(head) < 3 || head[1] != "comment_text" {
		return nil, fmt.Errorf("%s: the head is %.80q: want id,comment_text and labels", name, strings.Join(head, ","))
	}
	s := toxicSet()
	for {
		row, err := rows.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := rows.FieldPos(0)
		toxic := false
		for i, label := range row[2:] {
			if label != "0" && label != "1" {
				return nil, fmt.Errorf("%s: line %d: %s is %.20q: want 0 or 1", name, line, head[2+i], label)
			}
			toxic = toxic || label == "1"
		}
		if strings.TrimSpace(row[1]) == "" || !utf8.ValidString(row[1]) {
			return nil, fmt.Errorf("%s: line %d: the text is empty or not UTF-8", name, line)
		}
		s.Texts = append(s.Texts, Text{indicator(toxic), row[1]})
	}
	if len(s.Texts) == 0 {
		return nil, fmt.Errorf("%s: no texts", name)
	}
	return s, nil
}
