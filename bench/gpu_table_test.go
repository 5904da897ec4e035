//go:build gpucheck

package bench

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// work are the parts of the table: what is measured, the goal on a GPU of the
// H200's class, and the names of the benchmarks, ours and PyTorch's.
var work = []struct{ name, goal, ours, torch string }{
	{"LSTM, forward and backward", "", "GPULSTM/", "TorchGPULSTM/"},
	{"training step of the paper's model", "40 ms and 1.3 times PyTorch in bf16, 12 GB", "GPUTrain/", "TorchGPUTrain/"},
	{"a symbol drawn from it", "", "GPUDecode/", "TorchGPUDecode/"},
	{"a token of GPT-2, not steered", "", "GPUSample/", ""},
	{"a token of GPT-2, steered", "5 times PyTorch", "GPUSteer/", "TorchGPUSteer/"},
}

// measured is a benchmark's result.
type measured struct {
	name    string // without the work's
	seconds float64
	tokens  float64 // per second
	peak    float64 // GiB of the device's memory; 0: not known
}

// processors is what Go adds to a benchmark's name.
var processors = regexp.MustCompile(`-\d+$`)

// resultsOf are the results in a text of the benchmarks whose names begin with
// prefix.
func resultsOf(text, prefix string) (all []measured) {
	for r := benchfmt.NewReader(strings.NewReader(text), "gpu-check"); r.Scan(); {
		line, ok := r.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		name, ok := strings.CutPrefix(line.Name.String(), prefix)
		if !ok {
			continue
		}
		m := measured{name: processors.ReplaceAllString(name, "")}
		m.seconds, _ = line.Value("sec/op")
		m.tokens, _ = line.Value("tokens/s")
		m.peak, _ = line.Value("GiB")
		all = append(all, m)
	}
	return all
}

// printTable ends the report: what failed, and a line for each time. A ratio is
// to the fastest of PyTorch's ways, above 1 where ours is the faster.
func (s *session) printTable() {
	text := s.text.String()
	passed := strings.Count(text, "\n    --- PASS: ") // groups within the tests
	fmt.Fprintf(s.out, "\n%d groups of tests passed\n", passed)
	for _, f := range s.failed {
		fmt.Fprintln(s.out, "FAILED", f)
	}
	if *quick {
		fmt.Fprintln(s.out, "the sizes are small: these times mean nothing")
	}
	const form = "  %-44s %10s %12s %8s %7s\n"
	fmt.Fprintf(s.out, form, "", "ms", "tokens/s", "GiB", "ratio")
	for _, w := range work {
		ours, torch := resultsOf(text, w.ours), []measured(nil)
		if w.torch != "" {
			torch = resultsOf(text, w.torch)
		}
		if len(ours) == 0 && len(torch) == 0 {
			continue
		}
		printWork(s.out, form, w.name, w.goal, ours, torch)
	}
}

func printWork(out io.Writer, form, name, goal string, ours, torch []measured) {
	if goal != "" {
		name += " (goal: " + goal + ")"
	}
	fmt.Fprintln(out, name)
	var best measured
	for _, m := range torch {
		if best.seconds == 0 || m.seconds < best.seconds {
			best = m
		}
	}
	row := func(m measured, ratio string) {
		peak := ""
		if m.peak > 0 {
			peak = fmt.Sprintf("%.2f", m.peak)
		}
		fmt.Fprintf(out, form, m.name, fmt.Sprintf("%.4g", 1e3*m.seconds), fmt.Sprintf("%.4g", m.tokens), peak, ratio)
	}
	for _, m := range ours {
		ratio := ""
		if best.seconds > 0 {
			ratio = fmt.Sprintf("%.2f", best.seconds/m.seconds)
		}
		row(m, ratio)
	}
	if best.seconds > 0 {
		best.name = "PyTorch: " + best.name
		row(best, "1")
	}
}
