package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed prompts.txt
var ownPrompts string

// quickPrompts is how many a quick run takes.
const quickPrompts = 2

// readPrompts are the prompts of the file, or the built-in ones.
func (s *settings) readPrompts() ([]string, error) {
	prompts, err := s.allPrompts()
	if err == nil && s.quick {
		prompts = prompts[:min(quickPrompts, len(prompts))]
	}
	return prompts, err
}

func (s *settings) allPrompts() ([]string, error) {
	if s.promptFile == "" {
		return parsePrompts("the built-in prompts", strings.NewReader(ownPrompts))
	}
	f, err := os.Open(s.promptFile)
	if err != nil {
		return nil, fmt.Errorf("reading the prompts: %w", err)
	}
	defer f.Close()
	return parsePrompts(s.promptFile, f)
}

// parsePrompts reads a prompt from each line that is not blank, without the spaces
// around it.
func parsePrompts(name string, r io.Reader) ([]string, error) {
	var prompts []string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) {
			return nil, fmt.Errorf("reading the prompts: %s, line %d: %q is not text in UTF-8", name, n, line)
		}
		if line != "" {
			prompts = append(prompts, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the prompts: %s: %w", name, err)
	}
	if len(prompts) == 0 {
		return nil, fmt.Errorf("reading the prompts: %s has none", name)
	}
	return prompts, nil
}
