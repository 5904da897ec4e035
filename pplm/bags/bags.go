// Package bags holds lists of words for topics, to steer text by: each 120 to
// 150 common English words, written for this project.
//
// They are embedded in the program. [Words] returns a list that belongs to the
// caller.
package bags

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed words/*.txt
var files embed.FS

// Names are the ids of the lists, in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir("words")
	if err != nil {
		panic(err) // the files are part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".txt"))
	}
	return names
}

// Words are the words of the list with an id, in alphabetical order. The error
// for an unknown id lists those there are.
func Words(id string) ([]string, error) {
	text, err := files.ReadFile("words/" + id + ".txt")
	if err != nil {
		return nil, fmt.Errorf("no bag of words %q: there are %s", id, strings.Join(Names(), ", "))
	}
	return strings.Fields(string(text)), nil
}
