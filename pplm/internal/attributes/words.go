package attributes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/bags"
)

// Words are the words of a list of package bags, or of a file with one a line, and
// what to call them: the list's id, or the file's name without folder and ending.
func Words(name string) (id string, words []string, err error) {
	if slices.Contains(bags.Names(), name) {
		words, err = bags.Words(name)
		return name, words, err
	}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("no bag of words %q: there is no such file, and the built-in ones are %s", name, strings.Join(bags.Names(), ", "))
	}
	if err != nil {
		return "", nil, fmt.Errorf("reading a bag of words: %w", err)
	}
	defer f.Close()
	if words, err = pplm.ReadWords(name, f); err != nil {
		return "", nil, err
	}
	if len(words) == 0 {
		return "", nil, fmt.Errorf("reading a bag of words: %s has no words", name)
	}
	return Base(name), words, nil
}

// Base is a file's name without folder and ending.
func Base(path string) string {
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}
