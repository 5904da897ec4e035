package bags_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/pplm/bags"
)

func Example() {
	fmt.Println(bags.Names())
	words, err := bags.Words("space")
	fmt.Println(words[:4], err)
	_, err = bags.Words("cooking")
	fmt.Println(err)
	// Output:
	// [computers fantasy kitchen legal military politics positive_words religion science space technology]
	// [aerospace alien altitude antenna] <nil>
	// no bag of words "cooking": there are computers, fantasy, kitchen, legal, military, politics, positive_words, religion, science, space, technology
}

func TestWords(t *testing.T) {
	plain := regexp.MustCompile(`^[A-Za-z]+(-[A-Za-z]+)?$`)
	for _, id := range bags.Names() {
		words, err := bags.Words(id)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, len(words), 120, id)
		assert.LessOrEqual(t, len(words), 150, id)
		folded := make([]string, len(words))
		for i, w := range words {
			assert.Regexp(t, plain, w, id)
			folded[i] = strings.ToLower(w)
		}
		assert.True(t, slices.IsSorted(folded), id)
		assert.Len(t, slices.Compact(folded), len(words), "%s: a word comes twice", id)
	}
	for _, id := range []string{"", "../bags", "space.txt"} {
		_, err := bags.Words(id)
		assert.Error(t, err, id)
	}
}
