package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = ".."

// files are the project's files with an ending, by their paths from the root.
func files(t *testing.T, ending string) map[string]string {
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != root && (name[0] == '.' || name == "runs" || name == "vendor" || name == "node_modules") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ending {
			return nil
		}
		text, err := os.ReadFile(path)
		path, _ = filepath.Rel(root, path)
		found[path] = string(text)
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

var (
	fence  = regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$")
	inline = regexp.MustCompile("`[^`\n]*`")
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)|(?m:^\[[^\]]+\]: (\S+))|(?:src|href)="([^"]+)"`)
	title  = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	silent = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	goTool = regexp.MustCompile(`go (?:run|test|doc|build) (?:-[a-z]\S* )*(\./[\w/.-]*\w)`)
)

// anchors are the names that a page's headings get.
func anchors(page string) []string {
	var names []string
	for _, m := range title.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		name := silent.ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// Links within the project lead to files, and to headings of them.
func TestLinks(t *testing.T) {
	pages := files(t, ".md")
	for path, page := range pages {
		prose := inline.ReplaceAllString(fence.ReplaceAllString(page, ""), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			target, anchor, _ := strings.Cut(m[1]+m[2]+m[3], "#")
			if strings.Contains(target, ":") {
				continue // elsewhere
			}
			to := path
			if target != "" {
				to = filepath.Join(filepath.Dir(path), target)
			}
			assert.FileExists(t, filepath.Join(root, to), "%s: a link", path)
			if anchor != "" {
				assert.Contains(t, anchors(pages[to]), anchor, "%s: a link to a heading of %s", path, to)
			}
		}
	}
}

// Commands that pages show name packages that are there.
func TestCommands(t *testing.T) {
	for path, page := range files(t, ".md") {
		for _, m := range goTool.FindAllStringSubmatch(page, -1) {
			assert.DirExists(t, filepath.Join(root, strings.TrimSuffix(m[1], "/...")), "%s: %s", path, m[0])
		}
	}
}

// Go code that pages show is code of the project, which is compiled and tested.
func TestCode(t *testing.T) {
	var all strings.Builder
	for _, text := range files(t, ".go") {
		all.WriteString(flat(text))
	}
	code, n := all.String(), 0
	for path, page := range files(t, ".md") {
		for _, m := range fence.FindAllStringSubmatch(page, -1) {
			if m[1] == "go" {
				n++
				assert.True(t, strings.Contains(code, flat(m[2])), "%s: no file has this code:\n%s", path, m[2])
			}
		}
	}
	assert.NotZero(t, n)
}

// flat is code without the indentation of its lines.
func flat(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		b.WriteString(strings.TrimSpace(line))
		b.WriteByte('\n')
	}
	return b.String()
}
