package main

import (
	"iter"
	"regexp"
	"strings"
)

var (
	caption = regexp.MustCompile(`\[Illustration[^\]]*\]`)
	blanks  = regexp.MustCompile(`\n{3,}`)
	spaces  = regexp.MustCompile(` {2,}`)
	plain   = strings.NewReplacer("\r", "", "\ufeff", "", "_", "", "“", `"`, "”", `"`, "‘", "'", "’", "'", "—", "--")
)

// clean is a book's text, its paragraphs apart by an empty line.
func clean(text string) string {
	text = caption.ReplaceAllString(plain.Replace(text), "")
	var b strings.Builder
	joins := false // the line before goes on
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\n")
		verse := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		switch {
		case line == "":
			b.WriteString("\n\n")
			joins = false
			continue
		case joins && !verse:
			b.WriteByte(' ')
		case joins || verse && b.Len() > 0 && !strings.HasSuffix(b.String(), "\n"):
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimSpace(line))
		joins = !verse
		if verse {
			b.WriteByte('\n')
		}
	}
	return strings.TrimSpace(spaces.ReplaceAllString(blanks.ReplaceAllString(b.String(), "\n\n"), " "))
}

// A passage is whole sentences of one paragraph, so many words at least and, but
// for a single long sentence, at most.
const (
	leastWords = 12
	mostWords  = 40
)

var sentence = regexp.MustCompile(`[^.!?]+[.!?]+["')]*\s*`)

// passages are the passages of a text, each on one line.
func passages(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for paragraph := range strings.SplitSeq(text, "\n\n") {
			var words []string
			for _, s := range append(sentence.FindAllString(paragraph, -1), "") {
				next := strings.Fields(s)
				if s != "" && len(words)+len(next) <= mostWords {
					words = append(words, next...)
					continue
				}
				if len(words) >= leastWords && !yield(strings.Join(words, " ")) {
					return
				}
				words = next
			}
		}
	}
}
