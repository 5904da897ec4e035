package command

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// width is the most columns that help takes.
const width = 80

// help prints the summary, examples, and flags by group with their defaults.
func (f *Flags) help(w io.Writer) {
	var b strings.Builder
	operands := ""
	if f.operands != nil {
		operands = " " + f.operand + "..."
	}
	fmt.Fprintf(&b, "Usage: %s [flags]%s\n\n%s", f.command, operands, wrap(f.summary, ""))
	if len(f.examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, e := range f.examples {
			fmt.Fprintf(&b, "  %s\n", e)
		}
	}
	for _, g := range f.groups {
		fmt.Fprintf(&b, "\n%s:\n", g.title)
		for _, name := range g.names {
			helpFlag(&b, f.set.Lookup(name))
		}
	}
	b.WriteString("\nConfiguration:\n  -config file\n")
	b.WriteString(wrap("a JSON object of flags and their values; flags given here win over the file's", "      "))
	io.WriteString(w, b.String())
}

func helpFlag(b *strings.Builder, x *flag.Flag) {
	kind, reason := flag.UnquoteUsage(x)
	fmt.Fprintf(b, "  -%s", x.Name)
	if kind != "" {
		b.WriteString(" " + kind)
	}
	if x.DefValue != "" && x.DefValue != "false" {
		fmt.Fprintf(b, " (default %s)", x.DefValue)
	}
	b.WriteString("\n" + wrap(reason, "      "))
}

// wrap breaks text at spaces into lines that begin with indent.
func wrap(text, indent string) string {
	var b strings.Builder
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}
