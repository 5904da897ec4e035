package chart

import (
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// looks are weights of n positions that see up to depth of them: most of it at the
// distance far, where that is seen, the rest alike.
func looks(n, depth, far int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		row := make([]float64, depth-n+i+1)
		for d := range row {
			row[d] = 0.4 / float64(len(row))
		}
		if far < len(row) {
			row[far] += 0.6
		}
		out[i] = row
	}
	return out
}

func TestHeats(t *testing.T) {
	dir := t.TempDir()
	symbols := strings.Split("the tiller turns a ship", "")
	panels := []Heat{{"block 1", looks(23, 5000, 1000)}, {"block 3", looks(23, 200, 3)}}
	for _, name := range []string{"a.png", "a.svg"} {
		require.NoError(t, Heats(filepath.Join(dir, name), "a title", symbols, panels))
		assert.FileExists(t, filepath.Join(dir, name))
	}
	picture, err := os.ReadFile(filepath.Join(dir, "a.svg"))
	require.NoError(t, err)
	got := words(string(picture))
	for _, want := range []string{"a title", "block 1", "block 3", "positions back", "0", "1", "2000", "p", "weight", "0.1", "\u2264 0.0001"} {
		assert.Contains(t, got, want)
	}
	assert.Equal(t, 4, strings.Count(string(picture), "data:image/png;base64,"))

	assert.ErrorContains(t, Heats("a.gif", "", symbols, panels), "want a name that ends in")
	for _, weights := range [][][]float64{{{1}}, {{0}, {0, 0}}, looks(300, 300, 7)} {
		require.NoError(t, Heats(filepath.Join(dir, "odd.png"), "odd", make([]string, len(weights)), []Heat{{"", weights}}))
	}
}

// Bands part the distances, near ones singly, and grow with them.
func TestBands(t *testing.T) {
	for _, depth := range []int{1, 2, 20, 500, 5000} {
		s := scale{depth: depth}
		edges := s.bands()
		assert.LessOrEqual(t, len(edges), mostBands+1)
		require.Equal(t, 0, edges[0])
		require.Equal(t, depth, edges[len(edges)-1])
		for i := 1; i < len(edges); i++ {
			require.Less(t, edges[i-1], edges[i])
			if edges[i] <= 5 {
				assert.Equal(t, i, edges[i])
			}
		}
	}
}

// A map has a weight where its position and its distance are.
func TestPaint(t *testing.T) {
	h := Heat{"", looks(10, 100, 40)}
	h.Weights[9][0] = 1
	s := newScale([]Heat{h})
	assert.Equal(t, []float64{100, -2, 0}, []float64{float64(s.depth), s.lo, s.hi})
	assert.Equal(t, []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1}, s.marks())
	m := s.paint(h)
	at := func(i, d int) any {
		y := (reach(d) + reach(d+1)) / 2 / reach(s.depth)
		return m.At(m.Bounds().Dx()*(2*i+1)/20, mapHeight-1-int(math.Floor(mapHeight*y)))
	}
	for i := range 10 {
		assert.Equal(t, color.RGBAModel.Convert(s.colour(0.6+0.4/float64(91+i))), at(i, 40), "position %d", i)
		assert.Equal(t, color.RGBAModel.Convert(s.colour(0.4/float64(91+i))), at(i, 20), "position %d", i)
	}
	assert.Equal(t, color.RGBAModel.Convert(s.colour(1)), at(9, 0))
	r, g, b, _ := m.At(1, 0).RGBA()
	assert.Equal(t, [3]uint32{0xffff, 0xffff, 0xffff}, [3]uint32{r, g, b}, "the first position does not see so far")
}
