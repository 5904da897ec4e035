package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeEnv makes the test binary print its value, as an interpreter whose
// program prints it.
const fakeEnv = "TILLER_TABLE_TEST_PRINTS"

func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(fakeEnv); ok {
		io.WriteString(os.Stdout, text)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// newFake is a measurer whose interpreter prints text.
func newFake(t *testing.T, text string) (m *measurer, progress, raw *bytes.Buffer) {
	t.Setenv(fakeEnv, text)
	progress, raw = &bytes.Buffer{}, &bytes.Buffer{}
	m, err := newMeasurer(progress, raw)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, m.close()) })
	m.python, m.count = os.Args[0], 2
	return m, progress, raw
}

func TestParse(t *testing.T) {
	const line = "BenchmarkX/threads=2-2 \t 3 \t 2000000 ns/op \t 12.5 GFLOP/s \t 1000.0 MB/s \t 64 B/op\n"
	m, _, _ := newFake(t, "")
	v, err := m.parse([]byte("goos: linux\ncpu: A Processor\n" + line + "PASS\n"))
	require.NoError(t, err)
	assert.Equal(t, values{"sec/op": 0.002, "GFLOP/s": 12.5, "B/s": 1e9, "B/op": 64}, v)
	assert.Equal(t, "A Processor", m.cpu)
	for text, want := range map[string]string{
		"PASS\n":                         "no such benchmark",
		line + line:                      "more than one",
		"BenchmarkX 3 many ns/op\n":      "parsing",
		"BenchmarkX/threads=1 3 ns/op\n": "parsing",
	} {
		_, err := m.parse([]byte(text))
		assert.ErrorContains(t, err, want, text)
	}
}

func TestMeasure(t *testing.T) {
	m, progress, raw := newFake(t, "BenchmarkX/threads=1 7 4000000 ns/op 5 tokens/s\n")
	b := bench{jobsPkg, "BenchmarkX"}
	j := job{pyTorch, b, 1}
	m.results[job{ours, b, 1}] = make([]values, 2) // measured for another row
	m.results[job{ours, b, 2}] = make([]values, 2)
	m.here[pyTorch] = true
	require.NoError(t, m.measure(t.Context(), row{bench: b, metric: millis, reference: pyTorch}))
	assert.Equal(t, []values{{"sec/op": 0.004, "tokens/s": 5}, {"sec/op": 0.004, "tokens/s": 5}}, m.results[j])
	assert.Contains(t, progress.String(), "4 ms")
	assert.Equal(t, 4, strings.Count(raw.String(), "library: torch\nBenchmarkX"), "two rounds of one thread and of two")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.run(ctx, j)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestProbe(t *testing.T) {
	m, _, _ := newFake(t, "openblas: 0.3\ntorch: 1.13; MKL: yes\n")
	lines, err := m.probe(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"openblas: 0.3", "torch: 1.13; MKL: yes"}, lines)
	assert.Equal(t, map[string]bool{openBLAS: true, pyTorch: true}, m.here)

	m.python = filepath.Join(t.TempDir(), "none")
	_, err = m.probe(t.Context())
	assert.ErrorContains(t, err, "asking")
}

func TestJobs(t *testing.T) {
	b, base, read := bench{jobsPkg, "B"}, bench{jobsPkg, "Base"}, bench{gemmPkg, "Read"}
	here := map[string]bool{pyTorch: true}
	growth := row{bench: b, base: base, reference: pyTorch}
	assert.Equal(t, []job{
		{ours, base, 1}, {pyTorch, base, 1}, {ours, b, 1}, {pyTorch, b, 1},
		{ours, base, 2}, {pyTorch, base, 2}, {ours, b, 2}, {pyTorch, b, 2},
	}, growth.jobs(here))
	assert.Equal(t, []job{{ours, b, 1}, {ours, b, 2}}, row{bench: b, reference: openBLAS}.jobs(here))
	assert.Equal(t, []job{{ours, b, 1}, {ours, read, 1}, {ours, b, 2}, {ours, read, 2}}, row{bench: b, bound: read}.jobs(here))

	assert.Equal(t, "Read/workers=2", job{ours, read, 2}.name())
	assert.Equal(t, "^B$/^x=1$/^threads=1$", job{ours, bench{jobsPkg, "B/x=1"}, 1}.pattern())
}

// TestRows: a row without a benchmark, or two of one name, are mistakes.
func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		assert.False(t, seen[r.work], r.work)
		seen[r.work] = true
		assert.NotEmpty(t, r.bench.pkg, r.work)
		assert.Contains(t, r.bench.name, "Benchmark", r.work)
		if r.goal.ratio {
			assert.NotEmpty(t, r.reference+r.bound.name, "%s: a ratio to nothing", r.work)
		}
	}
}

func TestArguments(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-count", "0"}, "want at least 1"},
		{[]string{"-run", "no such work"}, "no row matches"},
		{[]string{"-run", "("}, "missing closing"},
		{[]string{"-nothing"}, "no flag"},
	} {
		err := run(t.Context(), c.args, nil, io.Discard, io.Discard)
		assert.ErrorContains(t, err, c.want)
	}
}
