package chart

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"unicode/utf8"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Heat is what one attention looks at: Weights[i][d], from 0 to 1, is how much the
// i-th position looks at the one d before it.
type Heat struct {
	Name    string
	Weights [][]float64
}

// The size of a heat map with its axes and colour bar, in points.
const (
	heatWidth  = 820
	heatHeight = 330
	barWidth   = 10
	barRoom    = 64
)

// mostBands is into how many bands distances are put at most. Near ones have a band of
// their own, far ones share it, and the largest of their weights is what is seen.
const mostBands = 72

// Heats draws what attentions look at, a panel for each: from left to right the
// positions, under which symbols, one each, stand; upwards the distance back, on a
// logarithmic scale; and the weight, on another, as brightness. White is what cannot be
// seen. Panels have as many positions as there are symbols.
func Heats(path, title string, symbols []string, panels []Heat) error {
	height := vg.Points(float64(40 + heatHeight*len(panels)))
	s := newScale(panels)
	return save(path, vg.Points(heatWidth), height, func(c draw.Canvas) {
		c = head(c, title)
		part := (c.Max.Y - c.Min.Y) / vg.Length(len(panels))
		for i, h := range panels {
			below := len(panels) - 1 - i
			s.draw(draw.Crop(c, 0, 0, part*vg.Length(below), -part*vg.Length(i)), symbols, h)
		}
	})
}

// scale is what the panels of a heat map have in common.
type scale struct {
	depth   int     // distances that are seen
	lo, hi  float64 // decimal logarithms of weights
	colours []color.Color
}

func newScale(panels []Heat) scale {
	s := scale{depth: 1, colours: moreland.BlackBody().Palette(256).Colors()}
	top := 0.0
	for _, h := range panels {
		for _, row := range h.Weights {
			s.depth = max(s.depth, len(row))
			for _, w := range row {
				top = max(top, w)
			}
		}
	}
	// Below the weight of an attention that looks at all alike there is little to see.
	s.lo = math.Floor(math.Log10(1 / float64(s.depth)))
	if top > 0 {
		s.lo = min(s.lo, math.Floor(math.Log10(top)))
	}
	s.hi = math.Log10(max(top, math.Pow(10, s.lo+0.5)))
	return s
}

// colour is that of a weight.
func (s scale) colour(w float64) color.Color {
	share := (math.Log10(w) - s.lo) / (s.hi - s.lo)
	return s.colours[int(255*min(max(share, 0), 1))]
}

// reach is how high a distance begins.
func reach(d int) float64 { return math.Log1p(float64(d)) }

// bands are the distances at which bands begin, and at last the depth.
func (s scale) bands() []int {
	step, edges := reach(s.depth)/mostBands, []int{0}
	for at := 0; at < s.depth; {
		next := int(math.Round(math.Expm1(reach(at) + step)))
		at = min(max(next, at+1), s.depth)
		edges = append(edges, at)
	}
	return edges
}

// The size of a map's picture: enough pixels that none of its edges blur.
const (
	mapHeight = 600
	mapWidth  = 1500
)

// paint is the map of a panel.
func (s scale) paint(h Heat) image.Image {
	wide := (mapWidth-1)/len(h.Weights) + 1
	m := image.NewRGBA(image.Rect(0, 0, wide*len(h.Weights), mapHeight))
	edges := s.bands()
	for b, from := range edges[:len(edges)-1] {
		to := edges[b+1]
		top := mapHeight - int(math.Round(mapHeight*reach(to)/reach(s.depth)))
		bottom := mapHeight - int(math.Round(mapHeight*reach(from)/reach(s.depth)))
		for i, row := range h.Weights {
			c := color.Color(color.White)
			if from < len(row) {
				c = s.colour(largest(row[from:min(to, len(row))]))
			}
			fill(m, image.Rect(i*wide, top, (i+1)*wide, bottom), c)
		}
	}
	return m
}

func largest(weights []float64) float64 {
	top := 0.0
	for _, w := range weights {
		top = max(top, w)
	}
	return top
}

func fill(m *image.RGBA, r image.Rectangle, c color.Color) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			m.Set(x, y, c)
		}
	}
}

// draw makes a panel.
func (s scale) draw(c draw.Canvas, symbols []string, h Heat) {
	p := newPlot("the text: each position has just read its symbol", "positions back")
	p.Title.Text = h.Name
	p.X.Label.Padding = vg.Points(4)
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks(letters(symbols)), plot.ConstantTicks(s.distances())
	p.X.Tick.Length, p.X.Tick.Label.Font.Size = 0, vg.Points(min(8, 900/float64(len(symbols)+1)))
	if longest(symbols) > 1 {
		p.X.Tick.Label.Rotation, p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = math.Pi/2, draw.XRight, draw.YCenter
	}
	p.Add(plotter.NewImage(s.paint(h), 0, 0, float64(len(symbols)), reach(s.depth)))
	c = draw.Crop(c, 0, -vg.Points(barRoom), 0, 0)
	p.Draw(c)
	s.bar(p.DataCanvas(c))
}

// letters stand under the middle of their positions.
func letters(symbols []string) []plot.Tick {
	ticks := make([]plot.Tick, len(symbols))
	for i, text := range symbols {
		ticks[i] = plot.Tick{Value: float64(i) + 0.5, Label: text}
	}
	return ticks
}

func longest(symbols []string) int {
	n := 0
	for _, text := range symbols {
		n = max(n, utf8.RuneCountInString(text))
	}
	return n
}

// distances stand beside the middle of theirs.
func (s scale) distances() []plot.Tick {
	out := []plot.Tick{{Value: reach(1) / 2, Label: "0"}}
	for size := 1; size < s.depth; size *= 10 {
		for _, d := range []int{size, 2 * size, 5 * size} {
			if d < s.depth {
				out = append(out, plot.Tick{Value: (reach(d) + reach(d+1)) / 2, Label: fmt.Sprint(d)})
			}
		}
	}
	return out
}

// bar draws what the colours are, to the right of a map.
func (s scale) bar(beside draw.Canvas) {
	left := beside.Max.X + vg.Points(12)
	r := vg.Rectangle{Min: vg.Point{X: left, Y: beside.Min.Y}, Max: vg.Point{X: left + vg.Points(barWidth), Y: beside.Max.Y}}
	colours := image.NewRGBA(image.Rect(0, 0, 8, 2*len(s.colours)))
	for i, c := range s.colours {
		fill(colours, image.Rect(0, 2*(255-i), 8, 2*(256-i)), c)
	}
	beside.DrawImage(r, colours)
	text := style(9)
	text.YAlign = draw.YCenter
	for i, w := range s.marks() {
		label := short(w)
		if i == 0 {
			label = "\u2264 " + label
		}
		share := (math.Log10(w) - s.lo) / (s.hi - s.lo)
		beside.FillText(text, vg.Point{X: r.Max.X + vg.Points(4), Y: r.Min.Y + (r.Max.Y-r.Min.Y)*vg.Length(share)}, label)
	}
	text.YAlign = draw.YBottom
	beside.FillText(text, vg.Point{X: left - vg.Points(4), Y: r.Max.Y + vg.Points(8)}, "weight")
}

// marks are the round weights of the colour bar, the least first.
func (s scale) marks() []float64 {
	steps := []float64{1, 2, 5}
	if s.hi-s.lo > 2.5 {
		steps = steps[:1]
	}
	var out []float64
	for e := s.lo; e <= s.hi; e++ {
		for _, step := range steps {
			if w := step * math.Pow10(int(e)); math.Log10(w) <= s.hi+1e-9 {
				out = append(out, w)
			}
		}
	}
	return out
}
