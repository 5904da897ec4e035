package dataset

import "strings"

// Detokenize joins the words of the Penn Treebank to running text: without
// spaces around punctuation and before clitics ("ca n't" is can't), quotes and
// brackets as they are written. The reference leaves brackets and slashes as the
// treebank spells them (-LRB-, \/); here they become what they mean.
func Detokenize(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 && spaced(words[i-1], w) {
			b.WriteByte(' ')
		}
		if plain, ok := spelt[w]; ok {
			w = plain
		}
		b.WriteString(unescape.Replace(w))
	}
	return b.String()
}

// spelt are the treebank's words for what it spells otherwise.
var spelt = map[string]string{
	"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}",
	"``": `"`, "''": `"`, "`": "'",
}

var unescape = strings.NewReplacer(`\/`, "/", `\*`, "*")

// Words that take no space before or after them.
var (
	noSpaceBefore = set(`. , : ; ? ! % ) ] } > ... -- -RRB- -RSB- -RCB- '' ' n't 's 'm 'd 'll 're 've`)
	noSpaceAfter  = set("( [ { < ... -- -LRB- -LSB- -LCB- `` ` $ #")

	// joined are words that the treebank splits in the middle.
	joined = set("can_not d_'ye gim_me gon_na got_ta lem_me more_'n wan_na 't_is 't_was")
)

func set(words string) map[string]bool {
	s := make(map[string]bool)
	for w := range strings.FieldsSeq(words) {
		s[w] = true
	}
	return s
}

func spaced(left, right string) bool {
	return !noSpaceBefore[right] && !noSpaceBefore[strings.ToLower(right)] && !noSpaceAfter[left] &&
		!joined[strings.ToLower(left+"_"+right)]
}
