// Corpus makes texts of plain-text books on standard output: one text for a
// language model to learn from, or, with -topics, rows of a topic, a tab and
// a passage, for a discriminator.
//
// Lines of a paragraph are joined, so that the model does not learn where a
// printer broke them; indented lines (verse, headings) stay. Illustrations'
// captions, marks of italics and typographic quotation marks go.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/internal/command"
)

func main() {
	command.Main("corpus", func(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) error {
		return run(args, stdout)
	})
}

func run(args []string, stdout io.Writer) error {
	var books, topics string
	var most int
	const program = "go run ./pplm/books/corpus"
	f := command.NewFlags(program, "Makes texts of plain-text books.",
		program+" -books dracula.txt,frankenstein.txt > books.txt",
		program+" -topics military:grant-memoirs.txt,politics:federalist-papers.txt > topics.tsv")
	g := f.Group("Output, one of these")
	g.Add(&books, "books", "`files` of books, separated by commas: their text, in this order")
	g.Add(&topics, "topics", "`topic:file` pairs, separated by commas: a row for each passage")
	g.Add(&most, "most", "passages of a topic, taken evenly from all of its books; 0: all")
	if err := f.Parse(args, stdout); err != nil {
		return err
	}
	if (books == "") == (topics == "") {
		return command.Usagef("give -books or -topics")
	}
	out := bufio.NewWriter(stdout)
	if err := write(out, books, topics, most); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the text: %w", err)
	}
	return nil
}

// write writes the books, or the topics' passages.
func write(w io.Writer, books, topics string, most int) error {
	if books != "" {
		for file := range strings.SplitSeq(books, ",") {
			raw, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%s\n\n", clean(string(raw)))
		}
		return nil
	}
	var names []string
	of := map[string][]string{}
	for pair := range strings.SplitSeq(topics, ",") {
		topic, file, found := strings.Cut(pair, ":")
		if !found {
			return command.Usagef("-topics: %q is not a topic, a colon and a file", pair)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if of[topic] == nil {
			names = append(names, topic)
		}
		of[topic] = slices.AppendSeq(of[topic], passages(clean(string(raw))))
	}
	for _, topic := range names {
		for _, p := range evenly(of[topic], most) {
			fmt.Fprintf(w, "%s\t%s\n", topic, p)
		}
	}
	return nil
}

// evenly are n of all, at equal distances; 0: all.
func evenly(all []string, n int) []string {
	if n == 0 || n >= len(all) {
		return all
	}
	out := make([]string, n)
	for i := range out {
		out[i] = all[i*len(all)/n]
	}
	return out
}
