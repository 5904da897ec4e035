package chart

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// CheckPath tells whether the ending of a file's name is that of a format.
func CheckPath(path string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".png", ".svg":
		return nil
	}
	return fmt.Errorf("%s: want a name that ends in .png or .svg", path)
}

// save paints a picture into the file path, in the format of its ending.
func save(path string, width, height vg.Length, paint func(draw.Canvas)) error {
	if err := CheckPath(path); err != nil {
		return err
	}
	write := png
	if strings.EqualFold(filepath.Ext(path), ".svg") {
		write = svg
	}
	picture, err := write(width, height, paint)
	if err != nil {
		return fmt.Errorf("drawing %s: %w", path, err)
	}
	return safetensors.WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write(picture)
		return err
	})
}

func png(width, height vg.Length, paint func(draw.Canvas)) ([]byte, error) {
	canvas := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(144))
	paint(onWhite(canvas))
	var out bytes.Buffer
	_, err := vgimg.PngCanvas{Canvas: canvas}.WriteTo(&out)
	return out.Bytes(), err
}

func svg(width, height vg.Length, paint func(draw.Canvas)) ([]byte, error) {
	canvas := vgsvg.New(width, height)
	paint(onWhite(canvas))
	var out bytes.Buffer
	_, err := canvas.WriteTo(&out)
	// Where there are no such fonts, those of the same widths will do. Pictures within
	// are PNG, whatever the package says.
	replaced := strings.NewReplacer("font-family:Liberation Sans;", "font-family:Liberation Sans,Arial,Helvetica,sans-serif;",
		"data:image/jpg;", "data:image/png;").Replace(out.String())
	return []byte(replaced), err
}

func onWhite(canvas vg.CanvasSizer) draw.Canvas {
	c := draw.New(canvas)
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	return c
}

const margin = 8 // points

var (
	grey = color.Gray{110}
	pale = color.Gray{225}
)

// palette is of Okabe and Ito (2008), without the yellow, which is faint on white.
var palette = []color.RGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
	{230, 159, 0, 255}, {86, 180, 233, 255}, {0, 0, 0, 255},
}

// stroke is the colour of the i-th of several things, and the dashes of its lines
// once the colours are used up.
func stroke(i int) (color.RGBA, []vg.Length) {
	round := i / len(palette)
	if round == 0 {
		return palette[i], nil
	}
	return palette[i%len(palette)], []vg.Length{vg.Points(float64(2 + 3*round)), vg.Points(2)}
}

// faint is a colour mixed with white.
func faint(c color.RGBA) color.RGBA {
	mix := func(x uint8) uint8 { return uint8((int(x) + 2*255) / 3) }
	return color.RGBA{mix(c.R), mix(c.G), mix(c.B), 255}
}

// style is text without serifs.
func style(points float64) text.Style {
	f := font.From(plot.DefaultFont, vg.Points(points))
	f.Variant = "Sans"
	return text.Style{Color: color.Black, Font: f, Handler: plot.DefaultTextHandler}
}

// newPlot is an empty panel with names of its axes.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.Title.TextStyle = with(style(11), p.Title.TextStyle)
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle = with(style(10), a.Label.TextStyle)
		a.Tick.Label = with(style(9), a.Tick.Label)
		a.Color, a.Tick.Color = grey, grey
		a.Padding = 0
	}
	return p
}

// with is a style that keeps how another is turned and aligned.
func with(s, as text.Style) text.Style {
	s.Rotation, s.XAlign, s.YAlign = as.Rotation, as.XAlign, as.YAlign
	return s
}

// newLegend is a legend whose entries stand below each other.
func newLegend() plot.Legend {
	l := plot.NewLegend()
	l.Left, l.Top = true, true
	l.TextStyle = with(style(10), l.TextStyle)
	l.Padding = vg.Points(3)
	return l
}

// head writes the title and returns what is left below it.
func head(c draw.Canvas, title string) draw.Canvas {
	s := style(12)
	s.YAlign = draw.YTop
	c = draw.Crop(c, margin, -margin, margin, -margin)
	c.FillText(s, vg.Point{X: c.Min.X, Y: c.Max.Y}, title)
	return draw.Crop(c, 0, 0, 0, -vg.Points(22))
}

// over draws a legend below all else and returns what is left over it.
func over(c draw.Canvas, l *plot.Legend) draw.Canvas {
	r := l.Rectangle(c)
	strip := r.Max.Y - r.Min.Y + vg.Points(6)
	l.Draw(draw.Crop(c, vg.Points(4), 0, 0, strip-(c.Max.Y-c.Min.Y)))
	return draw.Crop(c, 0, 0, strip+vg.Points(4), 0)
}
