package chart

import (
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
)

// run is the log of a run of n lines, which is evaluated every so many of them.
func run(n, every int, floor, seconds float64) []runlog.Line {
	var lines []runlog.Line
	for i := 1; i <= n; i++ {
		x := float64(i) / float64(n)
		bpc := floor + 4*math.Exp(-20*x) + 0.6*math.Exp(-3*x) + 0.05*math.Sin(float64(i*i))
		l := runlog.Line{Step: 50 * i, Tokens: int64(51200 * i), BPC: bpc, Training: &runlog.Training{LR: 0.002}, Wall: seconds * x}
		lines = append(lines, l)
		if i%every == 0 {
			l.Training, l.Split = nil, runlog.Valid
			l.BPC += 0.08
			lines = append(lines, l)
		}
	}
	return lines
}

// told draws runs and returns the picture's words, line by line.
func told(t *testing.T, runs ...Run) []string {
	path := filepath.Join(t.TempDir(), "curve.svg")
	require.NoError(t, Curves(path, "a title", runs))
	picture, err := os.ReadFile(path)
	require.NoError(t, err)
	return words(string(picture))
}

// words are the texts of an SVG picture.
func words(picture string) []string {
	var out []string
	for _, part := range strings.Split(picture, "<text")[1:] {
		_, rest, _ := strings.Cut(part, ">")
		text, _, _ := strings.Cut(rest, "<")
		out = append(out, strings.TrimSpace(text))
	}
	return out
}

// A picture says what its axes, units and lines are.
func TestCurvesSay(t *testing.T) {
	lines := run(2000, 200, 1.4, 7300)
	lines = append(lines, runlog.Line{Step: 90000, Split: runlog.Test, BPC: 1.625, Wall: 7301})
	one := told(t, Run{"book", lines})
	for _, want := range []string{"a title", "bits per byte", "tokens learnt from", "hours", "40M", "0.5", "training"} {
		assert.Contains(t, one, want)
	}
	best := math.Inf(1)
	for _, l := range runlog.Part(lines, runlog.Valid) {
		best = min(best, l.BPC)
	}
	assert.Condition(t, func() bool {
		for _, w := range one {
			if strings.HasPrefix(w, fmt.Sprintf("validation: best %.4f at step ", best)) && strings.HasSuffix(w, ", test 1.6250") {
				return true
			}
		}
		return false
	}, "%q", one)

	two := told(t, Run{"first", run(20, 5, 1.4, 50)}, Run{"empty", nil}, Run{"second", run(300, 50, 1.5, 600)})
	assert.Contains(t, two, "minutes")
	for _, name := range []string{"first: best ", "second: best "} {
		assert.Contains(t, strings.Join(two, "\n"), name)
	}
	assert.NotContains(t, strings.Join(two, "\n"), "empty")
	assert.Contains(t, two, "thin: training; thick: validation")
}

// Whatever a log that can be read says, a picture is drawn.
func TestCurvesOfOddLogs(t *testing.T) {
	step := func(tokens int64, bpc, wall float64) runlog.Line {
		return runlog.Line{Step: 1, Tokens: tokens, BPC: bpc, Training: &runlog.Training{}, Wall: wall}
	}
	evaluation := runlog.Line{Step: 1, Split: runlog.Valid, BPC: 2}
	for i, lines := range [][]runlog.Line{
		{step(10, 2, 1)},
		{evaluation},
		{step(0, 0, 0)},
		{step(math.MaxInt64, runlog.Most, runlog.Most), step(0, -runlog.Most, 0), evaluation},
		{step(1, 1e-300, 1e-300), step(1<<62, 1e-300, 1e17)},
		{{Step: 3, Split: runlog.Test, BPC: 1}},
	} {
		for _, ending := range []string{".svg", ".PNG"} {
			path := filepath.Join(t.TempDir(), "curve"+ending)
			require.NoError(t, Curves(path, "odd", []Run{{"odd", lines}}), "%d", i)
			assert.FileExists(t, path)
		}
	}
}

func TestCurvesAreFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "curve.png")
	require.NoError(t, Curves(path, "none", nil))
	assert.NoFileExists(t, path, "there is nothing to draw")

	require.NoError(t, Curves(path, "some", []Run{{"a", run(50, 10, 1, 10)}}))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	picture, _, err := image.Decode(f)
	require.NoError(t, err)
	size := picture.Bounds()
	assert.Equal(t, 2*curvesWidth, size.Dx())
	assert.InDelta(t, 2*curvesHeight, size.Dy(), 100)

	assert.ErrorContains(t, Curves(filepath.Join(dir, "curve.gif"), "", []Run{{"a", run(5, 1, 1, 1)}}), "curve.gif: want a name that ends in .png or .svg")
	assert.ErrorContains(t, Curves(filepath.Join(dir, "none", "a.svg"), "", []Run{{"a", run(5, 1, 1, 1)}}), "none")
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   string
	}{
		{0, 10, "0 2 4 6 8 10"},
		{1.32, 3.45, "1.5 2 2.5 3"},
		{0, 512e6, "0 100M 200M 300M 400M 500M"},
		{0, 5500, "0 1k 2k 3k 4k 5k"},
		{0, 1e6, "0 200k 400k 600k 800k 1M"},
		{2, 2, ""},
		{-1.3, 0.2, "-1 -0.5 0"},
	} {
		var got []string
		for _, tick := range (ticks{}).Ticks(c.lo, c.hi) {
			got = append(got, tick.Label)
		}
		assert.Equal(t, c.want, strings.Join(got, " "), "%v to %v", c.lo, c.hi)
	}
}

// The means of many points lie where these do.
func TestPointsAreMeans(t *testing.T) {
	lines := run(5000, 6000, 1, 5000)
	got := points(lines, func(l runlog.Line) float64 { return float64(l.Step) })
	require.Len(t, got, mostPoints)
	assert.Equal(t, 50*5.5, got[0].X)
	sum := 0.0
	for _, l := range lines[4990:] {
		sum += l.BPC / 10
	}
	assert.InDelta(t, sum, got[499].Y, 1e-9)
	assert.Empty(t, points(nil, nil))
}

func BenchmarkCurves(b *testing.B) {
	runs := []Run{{"book", run(20000, 2000, 1.4, 1e5)}}
	for _, ending := range []string{".png", ".svg"} {
		b.Run(ending[1:], func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "curve"+ending)
			for b.Loop() {
				require.NoError(b, Curves(path, "book", runs))
			}
		})
	}
}
