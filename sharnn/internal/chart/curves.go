package chart

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
)

// Run is a run to be drawn.
type Run struct {
	Name  string
	Lines []runlog.Line
}

// The size of a picture of curves without its legend, in points, and how many
// points a curve has at most: more than there are pixels only hide each other.
const (
	curvesWidth  = 820
	curvesHeight = 360
	mostPoints   = 500
	fewPoints    = 40 // are drawn as dots too
)

// Curves draws the bits per byte of runs, in training and in validation, against
// tokens and against time. Lines are of [runlog.Read]. A run without lines is left
// out, and where no run has any there is no picture.
func Curves(path, title string, runs []Run) error {
	runs = slices.DeleteFunc(slices.Clone(runs), func(r Run) bool { return len(r.Lines) == 0 })
	if len(runs) == 0 {
		return nil
	}
	seconds := 0.0
	for _, r := range runs {
		seconds = max(seconds, r.Lines[len(r.Lines)-1].Wall)
	}
	unit, size := clock(seconds)
	c := curves{legend: newLegend(), runs: runs}
	tokens := c.panel("tokens learnt from", func(l runlog.Line) float64 { return float64(l.Tokens) })
	time := c.panel(unit, func(l runlog.Line) float64 { return l.Wall / size })
	for _, p := range []*plot.Plot{tokens, time} { // alike, whatever each leaves out
		p.Y.Min, p.Y.Max = min(tokens.Y.Min, time.Y.Min), max(tokens.Y.Max, time.Y.Max)
	}
	c.explain()
	height := vg.Points(curvesHeight + 16*float64(len(runs)+1))
	return save(path, vg.Points(curvesWidth), height, func(canvas draw.Canvas) {
		rest := over(head(canvas, title), &c.legend)
		tiles := draw.Tiles{Rows: 1, Cols: 2, PadX: vg.Points(24), PadRight: vg.Points(10)}
		panels := [][]*plot.Plot{{tokens, time}}
		for i, part := range plot.Align(panels, tiles, rest)[0] {
			panels[0][i].Draw(part)
		}
	})
}

type curves struct {
	legend plot.Legend
	runs   []Run
}

// panel draws all runs over x.
func (c *curves) panel(name string, x func(runlog.Line) float64) *plot.Plot {
	p := newPlot(name, "bits per byte")
	p.X.Tick.Marker, p.Y.Tick.Marker = ticks{}, ticks{}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = pale, pale
	p.Add(grid)
	var above []plot.Plotter // validation, over the lines of training
	top := 0.0
	for i, r := range c.runs {
		colour, dashes := stroke(i)
		train := points(runlog.Part(r.Lines, ""), x)
		valid := points(runlog.Part(r.Lines, runlog.Valid), x)
		p.Add(curve(train, draw.LineStyle{Color: faint(colour), Width: vg.Points(1)})...)
		above = append(above, curve(valid, draw.LineStyle{Color: colour, Width: vg.Points(1.8), Dashes: dashes})...)
		top = max(top, settled(train), settled(valid))
	}
	p.Add(above...)
	p.Y.Max = min(p.Y.Max, top)
	room := max(p.Y.Max-p.Y.Min, 0.01) / 20
	p.Y.Min, p.Y.Max = p.Y.Min-room, p.Y.Max+room
	p.X.Min = 0
	return p
}

// explain fills the legend.
func (c *curves) explain() {
	for i, r := range c.runs {
		colour, dashes := stroke(i)
		name := "validation"
		if len(c.runs) > 1 {
			name = r.Name
		}
		c.legend.Add(name+result(r.Lines), &plotter.Line{LineStyle: draw.LineStyle{Color: colour, Width: vg.Points(1.8), Dashes: dashes}})
	}
	colour, name := faint(palette[0]), "training"
	if len(c.runs) > 1 {
		colour, name = faint(palette[len(palette)-1]), "thin: training; thick: validation"
	}
	c.legend.Add(name, &plotter.Line{LineStyle: draw.LineStyle{Color: colour, Width: vg.Points(1)}})
}

// result says what a run has come to.
func result(lines []runlog.Line) string {
	best, ok := runlog.Best(lines)
	if !ok {
		return ""
	}
	text := fmt.Sprintf(": best %.4f at step %d", best.BPC, best.Step)
	if test := runlog.Part(lines, runlog.Test); len(test) > 0 {
		text += fmt.Sprintf(", test %.4f", test[0].BPC)
	}
	return text
}

// points are lines' bits per byte over x, in order: means of equal parts where
// there are many.
func points(lines []runlog.Line, x func(runlog.Line) float64) plotter.XYs {
	n := min(len(lines), mostPoints)
	out := make(plotter.XYs, n)
	for i := range out {
		part := lines[i*len(lines)/n : (i+1)*len(lines)/n]
		for _, l := range part {
			out[i].X += x(l) / float64(len(part))
			out[i].Y += l.BPC / float64(len(part))
		}
	}
	return out
}

// settled is the highest point of a curve after its first twentieth, in which it
// falls so far that it would leave no room for the rest.
func settled(curve plotter.XYs) float64 {
	top := 0.0
	for _, p := range curve {
		if p.X >= curve[len(curve)-1].X/20 {
			top = max(top, p.Y)
		}
	}
	return top
}

// curve is a line, with dots where the points are few.
func curve(data plotter.XYs, s draw.LineStyle) []plot.Plotter {
	if len(data) == 0 {
		return nil
	}
	out := []plot.Plotter{&plotter.Line{XYs: data, LineStyle: s}}
	if len(data) <= fewPoints {
		dot := draw.GlyphStyle{Color: s.Color, Radius: s.Width * 1.4, Shape: draw.CircleGlyph{}}
		out = append(out, &plotter.Scatter{XYs: data, GlyphStyle: dot})
	}
	return out
}
