package dataset_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/tiller-ml/tiller/pplm/head/dataset"
)

// Rows of a class, a tab and a text.
func ExampleTSV() {
	set, err := dataset.TSV("moods.tsv", strings.NewReader("good\tA fine day.\nbad\tIt rained.\n"), false)
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range set.Texts {
		fmt.Println(set.Classes[t.Class], "|", t.Text)
	}
	_, err = dataset.TSV("moods.tsv", strings.NewReader("good A fine day.\n"), false)
	fmt.Println(err)
	// Output:
	// good | A fine day.
	// bad | It rained.
	// moods.tsv: row 1 (line 1) has no tab: want a class, a tab and a text
}
