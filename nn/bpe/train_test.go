package bpe_test

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tiller-ml/tiller/nn/bpe"
)

func TestTrain(t *testing.T) {
	// Words are "aaaa", twice " aaaaaa", " aa", twice " xy" and " yx". Of the pairs
	// that occur twice the ones of lower ids come first; a space's is 220.
	tok, err := bpe.Train(t.Context(), strings.Repeat("aaaa aa", 3)+" xy yx xy yx", 260, nil)
	require.NoError(t, err)
	var learnt []string
	for id := int32(256); id < 260; id++ {
		learnt = append(learnt, tok.Token(id))
	}
	assert.Equal(t, []string{"aa", "aaaa", "xy", "yx"}, learnt)
}

// trainSlowly counts all pairs again for each merge.
func trainSlowly(text string, size int) [][2]string {
	ids := map[string]int{}
	one, err := bpe.Train(context.Background(), "aaaa", bpe.MinSize, nil)
	if err != nil {
		panic(err)
	}
	for id := range int32(256) {
		ids[one.Token(id)] = int(id)
	}
	var words [][]string
	for w := range bpe.Words(text) {
		var word []string
		for i := range len(w) {
			word = append(word, w[i:i+1])
		}
		words = append(words, word)
	}
	var merges [][2]string
	for len(ids) < size {
		counts := map[[2]string]int{}
		for _, w := range words {
			for i := range len(w) - 1 {
				counts[[2]string{w[i], w[i+1]}]++
			}
		}
		var pairs [][2]string
		for p, n := range counts {
			if n > 1 {
				pairs = append(pairs, p)
			}
		}
		if len(pairs) == 0 {
			return merges
		}
		best := slices.MinFunc(pairs, func(a, b [2]string) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(ids[a[0]], ids[b[0]]), cmp.Compare(ids[a[1]], ids[b[1]]))
		})
		merges = append(merges, best)
		ids[best[0]+best[1]] = len(ids)
		for k, w := range words {
			var out []string
			for i := 0; i < len(w); i++ {
				if i+1 < len(w) && w[i] == best[0] && w[i+1] == best[1] {
					out = append(out, w[i]+w[i+1])
					i++
				} else {
					out = append(out, w[i])
				}
			}
			words[k] = out
		}
	}
	return merges
}

func TestTrainIsTheSlowWay(t *testing.T) {
	text := ownSource(t)[:3000]
	tok, err := bpe.Train(t.Context(), text, 420, nil)
	require.NoError(t, err)
	require.Equal(t, trainSlowly(text, 420), mergesOf(t, tok))
	rapid.Check(t, func(rt *rapid.T) {
		letters := rapid.SampledFrom([]string{"a", "b", "ab", "c", " ", "aaa", "\xff"})
		text := strings.Join(rapid.SliceOfN(letters, 0, 60).Draw(rt, "text"), "")
		want := trainSlowly(text, 290)
		if len(want) == 0 {
			return
		}
		tok, err := bpe.Train(t.Context(), text, 256+len(want), nil)
		require.NoError(rt, err)
		require.Equal(rt, want, mergesOf(t, tok))
		if 256+len(want) < 290 {
			_, err := bpe.Train(t.Context(), text, 257+len(want), nil)
			require.ErrorContains(rt, err, "give only")
		}
	})
}

func TestTrainProgress(t *testing.T) {
	var seen []int
	_, err := bpe.Train(t.Context(), ownSource(t), 300, func(done, size int) {
		assert.Equal(t, 300, size)
		seen = append(seen, done)
	})
	require.NoError(t, err)
	assert.Len(t, seen, 44)
	assert.True(t, slices.IsSorted(seen))
	assert.Equal(t, 300, seen[43])
}

func TestTrainErrors(t *testing.T) {
	tests := []struct {
		text string
		size int
		want string
	}{
		{"abc", 10, "training a vocabulary of 10 tokens: want at least 257, the 256 bytes and a merge"},
		{"abc", -1, "want at least 257"},
		{"abab", 258, "training a vocabulary of 258 tokens: the pairs that occur twice in the text of 4 bytes give only 257"},
		{"abc", 257, "give only 256"},
		{"", 257, "give only 256"},
	}
	for _, tt := range tests {
		_, err := bpe.Train(t.Context(), tt.text, tt.size, nil)
		assert.ErrorContains(t, err, tt.want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := bpe.Train(ctx, ownSource(t), 400, func(done, _ int) {
		if done == 300 {
			cancel()
		}
		assert.LessOrEqual(t, done, 300)
	})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = bpe.Train(ctx, strings.Repeat("a b ", 1<<16), 257, func(int, int) { t.Error("not cancelled while counting") })
	assert.ErrorIs(t, err, context.Canceled)
}

func BenchmarkTrain(b *testing.B) {
	text := goSource(b)
	text = text[:min(len(text), 15_000_000)]
	for _, c := range []struct {
		name string
		size int
	}{{"4096", 4096}, {"16384", 16384}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				_, err := bpe.Train(b.Context(), text, c.size, nil)
				require.NoError(b, err)
			}
		})
	}
}
