package main

import (
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/tiller-ml/tiller/pplm"
)

// The size of a panel of the plot.
const (
	panelWidth  = 13 * vg.Centimeter
	panelHeight = 11 * vg.Centimeter
)

// format makes a canvas of a file format and what writes it.
type format func(width, height vg.Length) (vg.CanvasSizer, io.WriterTo)

func pngCanvas(width, height vg.Length) (vg.CanvasSizer, io.WriterTo) {
	c := vgimg.New(width, height)
	return c, vgimg.PngCanvas{Canvas: c}
}

func svgCanvas(width, height vg.Length) (vg.CanvasSizer, io.WriterTo) {
	c := vgsvg.New(width, height)
	return c, c
}

// colours of the methods, told apart by the colour-blind too (Okabe and Ito 2008).
var colours = map[string]color.RGBA{
	"B":   {R: 0, G: 0, B: 0, A: 255},
	"BR":  {R: 86, G: 180, B: 233, A: 255},
	"BC":  {R: 230, G: 159, B: 0, A: 255},
	"BCR": {R: 213, G: 94, B: 0, A: 255},
}

// grey joins an attribute's points.
var grey = color.RGBA{R: 190, G: 190, B: 190, A: 255}

// draw plots relevance against perplexity, a panel for each way to measure it.
func (t *table) draw(w io.Writer, f format) error {
	panels := make([]*plot.Plot, len(t.ways))
	for i := range panels {
		var err error
		if panels[i], err = t.panel(i); err != nil {
			return err
		}
	}
	canvas, file := f(panelWidth*vg.Length(len(panels)), panelHeight)
	tiles := draw.Tiles{Rows: 1, Cols: len(panels), PadX: vg.Centimeter, PadTop: vg.Points(4), PadBottom: vg.Points(4), PadLeft: vg.Points(4), PadRight: vg.Points(8)}
	for i, c := range plot.Align([][]*plot.Plot{panels}, tiles, draw.New(canvas))[0] {
		panels[i].Draw(c)
	}
	_, err := file.WriteTo(w)
	return err
}

// points are an attribute's figures by method, with their standard errors.
type points struct {
	plotter.XYs
	plotter.XErrors
	plotter.YErrors
}

func (p *points) add(x, y stat) {
	p.XYs = append(p.XYs, plotter.XY{X: x.Mean, Y: 100 * y.Mean})
	p.XErrors = append(p.XErrors, both(x.Error))
	p.YErrors = append(p.YErrors, both(100*y.Error))
}

// both are an error to both sides, none where it is not known.
func both(e float64) struct{ Low, High float64 } {
	if math.IsNaN(e) {
		e = 0
	}
	return struct{ Low, High float64 }{e, e}
}

func (t *table) panel(way int) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = t.ways[way].name
	p.X.Label.Text = "perplexity"
	p.Y.Label.Text = t.ways[way].name + ", %"
	p.Legend.Top = true
	p.Legend.Left = true
	p.Add(plotter.NewGrid())
	var last string
	for _, r := range t.rows {
		if r.attribute != last && r.relevance[way].N > 0 {
			if err := t.join(p, way, r.attribute); err != nil {
				return nil, err
			}
		}
		last = r.attribute
	}
	p.Y.Min = 0
	for _, m := range pplm.Methods() {
		if err := t.mark(p, way, m.Name); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// join draws a line through an attribute's points and names it at its end.
func (t *table) join(p *plot.Plot, way int, attribute string) error {
	var line points
	for _, r := range t.rows {
		if r.attribute == attribute {
			line.add(r.perplexity, r.relevance[way].stat)
		}
	}
	l, err := plotter.NewLine(line.XYs)
	if err != nil {
		return err
	}
	l.Color = grey
	end := line.XYs[len(line.XYs)-1:]
	name, err := plotter.NewLabels(plotter.XYLabels{XYs: end, Labels: []string{attribute}})
	if err != nil {
		return err
	}
	name.Offset = vg.Point{X: vg.Points(6), Y: vg.Points(4)}
	p.Add(l, name)
	return nil
}

// mark draws a method's points with their errors.
func (t *table) mark(p *plot.Plot, way int, method string) error {
	var marks points
	for _, r := range t.rows {
		if r.method == method && r.relevance[way].N > 0 {
			marks.add(r.perplexity, r.relevance[way].stat)
		}
	}
	if len(marks.XYs) == 0 {
		return nil
	}
	dots, err := plotter.NewScatter(marks.XYs)
	if err != nil {
		return err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: colours[method], Radius: vg.Points(3.5), Shape: draw.CircleGlyph{}}
	across, err := plotter.NewXErrorBars(marks)
	if err != nil {
		return err
	}
	up, err := plotter.NewYErrorBars(marks)
	if err != nil {
		return err
	}
	across.Color, up.Color = colours[method], colours[method]
	p.Add(across, up, dots)
	p.Legend.Add(method, dots)
	return nil
}
