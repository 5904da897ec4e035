package corpus

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
)

// AutoSplit takes the training, validation and test files of a folder or a zip
// that has them, and cuts any other text by [DefaultSplit].
const AutoSplit = "auto"

// ownSplit is what a text that has the three files is split by.
const ownSplit = "its own files"

// trios are the names of the training, validation and test files that corpora
// come with: those of the reference's folders, and those of WikiText.
var trios = [][3]string{
	{"train.txt", "valid.txt", "test.txt"},
	{"wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"},
	{"wiki.train.raw", "wiki.valid.raw", "wiki.test.raw"},
}

// ownFiles finds a trio side by side in one folder among slash-separated names.
func ownFiles(names []string) (trio [3]string, ok bool) {
	for _, want := range trios {
		for _, name := range names {
			dir, base := path.Split(name)
			if base != want[0] || !slices.Contains(names, dir+want[1]) || !slices.Contains(names, dir+want[2]) {
				continue
			}
			return [3]string{name, dir + want[1], dir + want[2]}, true
		}
	}
	return trio, false
}

// CheckSplit tells what is wrong with a split: [AutoSplit], or what [ParseSplit]
// reads.
func CheckSplit(split string) error {
	if split == AutoSplit {
		return nil
	}
	_, err := ParseSplit(split)
	return err
}

// OpenParts opens the text at path as [Open] does, or the source of the Go
// standard library where path is empty, and splits it: by [AutoSplit], or as
// [ParseSplit] says. by is the split it was in the end. The parts alias the text.
func OpenParts(ctx context.Context, path, split string, tell Progress) (t *Text, p Parts, by string, err error) {
	if err := CheckSplit(split); err != nil {
		return nil, Parts{}, "", err
	}
	if path == "" {
		t, err = GoSource("")
	} else {
		t, err = opener{ctx, tell, DefaultLimit, split == AutoSplit}.open(path)
	}
	if err != nil {
		return nil, Parts{}, "", err
	}
	if p, by, err = t.split(split); err != nil {
		return nil, Parts{}, "", errors.Join(fmt.Errorf("%s: %w", t.Name, err), t.Close())
	}
	return t, p, by, nil
}

func (t *Text) split(how string) (Parts, string, error) {
	if how == AutoSplit && t.own != [3]int64{} {
		p, err := t.ownParts()
		return p, ownSplit, err
	}
	if how == AutoSplit {
		how = DefaultSplit
	}
	split, err := ParseSplit(how)
	if err != nil {
		return Parts{}, "", err
	}
	p, err := split.Cut(t.Bytes)
	return p, split.String(), err
}

func (t *Text) ownParts() (Parts, error) {
	for i, name := range [3]string{"training", "validation", "test"} {
		if t.own[i] == 0 {
			return Parts{}, fmt.Errorf("the %s file is empty", name)
		}
	}
	a, b := t.own[0], t.own[0]+t.own[1]
	return Parts{Train: t.Bytes[:a:a], Valid: t.Bytes[a:b:b], Test: t.Bytes[b:]}, nil
}
