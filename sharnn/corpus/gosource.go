package corpus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// maxGoFile is the size in bytes above which a Go file is taken for a table.
const maxGoFile = 256 << 10

// enoughGoSource is the number of bytes after which no further file is taken:
// more than ten minutes of training on two cores read once, and little enough
// for an evaluation of a twentieth of it to take seconds.
const enoughGoSource = 6_000_000

// GoSource reads source of the Go standard library under goroot or, if that is
// empty, under the root that "go env GOROOT" names. Without a go command it
// is the one that $GOROOT names or that built this program.
//
// It takes the .go files, tests included, of src and its folders but src/cmd,
// vendor, testdata, and folders whose names begin with a dot or an underscore.
// It leaves out generated files, by their "Code generated ... DO NOT EDIT."
// line, and files above 256 KiB, which are tables. Files of one package stand
// together, by name; packages stand in the order of the SHA-256 of their import
// paths, so that each part of a split in file order is a mixture of the library,
// and so is the text, which ends with the file that passes 6,000,000 bytes: a
// fifth of what there is. It is the same, byte for byte, on every machine with
// the same Go release.
func GoSource(goroot string) (*Text, error) {
	if goroot == "" {
		//lint:ignore SA1019 it is what is left when there is no go command, and its source is checked for
		found, err := findGoroot(gorootOfCommand(), runtime.GOROOT())
		if err != nil {
			return nil, err
		}
		goroot = found
	}
	src := filepath.Join(goroot, "src")
	t, err := opener{ctx: context.Background(), limit: DefaultLimit}.join("joining files", func(j *joiner) error { return j.addGoSource(src) })
	if err == nil {
		err = t.checkEmpty()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the Go standard library from %s: %w", src, err)
	}
	t.Name = goName(goroot)
	return t, nil
}

func (j *joiner) addGoSource(src string) error {
	names, err := listFiles(src, isGoSource)
	if err != nil {
		return err
	}
	sortByPackage(names)
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(src, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if len(data) > maxGoFile || isGenerated(data) {
			continue
		}
		if j.size >= enoughGoSource {
			return nil
		}
		if err := j.add(bytes.NewReader(data), false); err != nil {
			return err
		}
	}
	return nil
}

func isGoSource(name string, d fs.DirEntry) bool {
	base := d.Name()
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return false
	}
	if d.IsDir() {
		return name != "cmd" && base != "vendor" && base != "testdata"
	}
	return strings.HasSuffix(base, ".go")
}

// sortByPackage orders sorted names by the hash of their folder, and keeps
// their order within it.
func sortByPackage(names []string) {
	hashes := make(map[string][sha256.Size]byte)
	for _, name := range names {
		dir := path.Dir(name)
		if _, ok := hashes[dir]; !ok {
			hashes[dir] = sha256.Sum256([]byte(dir))
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		ha, hb := hashes[path.Dir(a)], hashes[path.Dir(b)]
		return bytes.Compare(ha[:], hb[:])
	})
}

// isGenerated reports whether a line before the package clause marks the file
// as generated, in the form that "go help generate" defines.
func isGenerated(src []byte) bool {
	for line := range bytes.Lines(src) {
		line = bytes.TrimRight(line, "\r\n")
		if bytes.HasPrefix(line, []byte("package ")) {
			return false
		}
		if bytes.HasPrefix(line, []byte("// Code generated ")) && bytes.HasSuffix(line, []byte(" DO NOT EDIT.")) {
			return true
		}
	}
	return false
}

// findGoroot returns the first root that is not empty and holds source.
func findGoroot(roots ...string) (string, error) {
	for _, root := range roots {
		if root == "" {
			continue
		}
		if info, err := os.Stat(filepath.Join(root, "src")); err == nil && info.IsDir() {
			return root, nil
		}
	}
	return "", errors.New("finding the Go standard library: no GOROOT with a src folder; install Go with its source, set GOROOT, or name a text of your own")
}

// gorootOfCommand asks the go command, and returns "" if there is none.
func gorootOfCommand() string {
	cmd := exec.Command("go", "env", "GOROOT")
	// A go.mod nearby may ask for another toolchain; none is to be fetched here.
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local")
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// goName names the library after the first line of goroot/VERSION.
func goName(goroot string) string {
	const name = "Go standard library"
	data, err := os.ReadFile(filepath.Join(goroot, "VERSION"))
	if err != nil {
		return name
	}
	version, _, _ := strings.Cut(string(data), "\n")
	return name + " " + strings.TrimSpace(version)
}
