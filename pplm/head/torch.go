package head

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/tiller-ml/tiller/tensor/torchfile"
)

// meta is the JSON that the reference program writes beside a head.
type meta struct {
	Classes int            `json:"class_size"`
	Width   int            `json:"embed_size"`
	Model   string         `json:"pretrained_model"`
	Names   map[string]int `json:"class_vocab"`
	Default int            `json:"default_class"`
}

// published are the heads of the paper's authors, by the beginnings of their
// files' names. Their files come without a meta JSON.
var published = map[string]meta{
	"clickbait": {2, 1024, "gpt2-medium", map[string]int{"non_clickbait": 0, "clickbait": 1}, 1},
	"sentiment": {5, 1024, "gpt2-medium", sentiments, 3},
	"SST":       {5, 1024, "gpt2-medium", sentiments, 3},
	"toxicity":  {2, 1024, "gpt2-medium", map[string]int{"non_toxic": 0, "toxic": 1}, 0},
}

var sentiments = map[string]int{"positive": 0, "negative": 1, "very positive": 2, "very negative": 3, "neutral": 4}

// LoadTorch reads a head that the reference program has written: weights in a
// PyTorch file, classes in the JSON of the path meta. Where meta is empty it is
// looked for beside the weights, as NAME.json, NAME_meta.json (without _epoch_N)
// or meta.json; a published head, clickbait, sentiment (or SST) or toxicity by the
// beginning of its file's name, needs none.
func LoadTorch(weights, meta string) (*Head, error) {
	h, err := readTorch(weights, meta)
	if err != nil {
		return nil, fmt.Errorf("reading the head %s: %w", weights, err)
	}
	return h, nil
}

func readTorch(weights, path string) (*Head, error) {
	m, err := findMeta(weights, path)
	if err != nil {
		return nil, err
	}
	h := &Head{Width: m.Width, Model: m.Model, Default: m.Default}
	if h.Classes, err = m.names(); err != nil {
		return nil, err
	}
	f, err := torchfile.Open(weights)
	if err != nil {
		return nil, err
	}
	return h, errors.Join(h.read(f.Lookup), f.Close())
}

// epoch is what stands between a head's name and its ending.
var epoch = regexp.MustCompile(`_epoch_?[0-9]+$`)

func findMeta(weights, path string) (meta, error) {
	var m meta
	if path != "" {
		return m, readJSON(path, &m)
	}
	dir, name := filepath.Split(strings.TrimSuffix(weights, filepath.Ext(weights)))
	var tried []string
	for _, candidate := range []string{name + ".json", epoch.ReplaceAllString(name, "") + "_meta.json", "meta.json"} {
		_, err := os.Stat(dir + candidate)
		if err == nil {
			return m, readJSON(dir+candidate, &m)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return m, err
		}
		tried = append(tried, dir+candidate)
	}
	known, _, _ := strings.Cut(name, "_classifier")
	if m, ok := published[known]; ok {
		return m, nil
	}
	return m, fmt.Errorf("its classes are not known: there is no %s, and no published head has that name", strings.Join(tried, ", "))
}

// names lists the classes in the order of their numbers. One without a name is
// called by its number.
func (m meta) names() ([]string, error) {
	const most = 1 << 16
	if m.Classes < 2 || m.Classes > most {
		return nil, fmt.Errorf("class_size is %d: want 2 to %d", m.Classes, most)
	}
	names := make([]string, m.Classes)
	for name, i := range m.Names {
		if i < 0 || i >= len(names) || names[i] != "" {
			return nil, fmt.Errorf("class_vocab gives %q the number %d, which is taken or not below %d", name, i, m.Classes)
		}
		names[i] = name
	}
	for i := range names {
		if names[i] == "" {
			names[i] = strconv.Itoa(i)
		}
	}
	return names, nil
}
