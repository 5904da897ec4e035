package main

import "fmt"

// The packages that hold benchmarks.
const (
	module  = "github.com/tiller-ml/tiller"
	jobsPkg = module + "/bench"
	cpuPkg  = module + "/backend/cpu"
	gemmPkg = module + "/backend/cpu/internal/gemm"
)

// ours is the library of the Go benchmarks; the others are reference.py's.
const (
	ours     = "ours"
	openBLAS = "openblas"
	pyTorch  = "torch"
)

// A bench is a Go benchmark to the last part of its name, which is the number
// of threads.
type bench struct{ pkg, name string }

// A metric is what a row shows of a result.
type metric struct {
	unit  string  // benchfmt's
	scale float64 // to the unit shown
	shown string
	less  bool // is better
}

var (
	flops     = metric{"GFLOP/s", 1, "GFLOP/s", false}
	bandwidth = metric{"B/s", 1e-9, "GB/s", false}
	tokens    = metric{"tokens/s", 1, "tokens/s", false}
	millis    = metric{"sec/op", 1e3, "ms", true}
	times     = metric{"sec/op", 1, "times", true}
	peak      = metric{"peak-bytes", 1e-6, "MB", true}
	peakTimes = metric{"peak-bytes", 1, "times", true}
	peakShare = metric{"peak/weights", 1, "times", true}
	heap      = metric{"B/op", 1e-3, "kB", true}
)

// A goal is a bound with one thread and with two, 0 for none: on ours, or on
// the ratio to the reference.
type goal struct {
	ratio bool
	bound [2]float64
}

// A row is a line of the table.
type row struct {
	work      string
	bench     bench
	base      bench // a row with a base shows the quotient of both
	metric    metric
	reference string // a library, or empty
	bound     bench  // a Go benchmark in a reference's place
	goal      goal
}

// rows are the table: its goals are those that the engine was built to.
func rows() []row {
	var all []row
	all = append(all, products()...)
	all = append(all, lstms()...)
	all = append(all, training()...)
	all = append(all, decoding()...)
	return append(all, steering()...)
}

func products() []row {
	var all []row
	for _, n := range []int{512, 1024, 2048} {
		shape := fmt.Sprintf("%dx%dx%d", n, n, n)
		all = append(all, row{work: "sgemm " + shape, bench: bench{gemmPkg, "BenchmarkSquare/" + shape}, metric: flops,
			reference: openBLAS, goal: goal{true, [2]float64{0.95, 0.95}}})
	}
	for _, p := range []struct {
		shape string
		bound [2]float64
	}{{"16x1024x4096", [2]float64{100, 190}}, {"16x256x1024", [2]float64{100, 190}}, {"8x1024x4096", [2]float64{90, 0}}} {
		all = append(all, row{work: "product " + p.shape + ", weights resident", bench: bench{gemmPkg, "BenchmarkResident/" + p.shape},
			metric: flops, reference: openBLAS, goal: goal{false, p.bound}})
	}
	for _, layout := range []struct{ work, name string }{{"x W", "layout=0"}, {"W x", "layout=1"}} {
		all = append(all, row{work: "gemv 1024x4096, " + layout.work + ", against a plain read",
			bench: bench{gemmPkg, "BenchmarkMulVec/" + layout.name + "/1024x4096"}, metric: bandwidth,
			bound: bench{gemmPkg, "BenchmarkMulVec/Read/1024x4096"}, goal: goal{true, [2]float64{0.9, 0.9}}})
	}
	return all
}

func lstms() []row {
	layer := func(h int, bound [2]float64) row {
		return row{work: fmt.Sprintf("LSTM forward and backward, T=256 B=16 H=%d", h),
			bench: bench{cpuPkg, fmt.Sprintf("BenchmarkLSTM/H=%d", h)}, metric: millis, reference: pyTorch, goal: goal{true, bound}}
	}
	return []row{layer(256, [2]float64{1.5, 1.7}), layer(1024, [2]float64{2.5, 3.5})}
}

func training() []row {
	step := func(width, rows, batch int) bench {
		return bench{jobsPkg, fmt.Sprintf("BenchmarkTrain/emsize=%d/rows=%d/B=%d", width, rows, batch)}
	}
	small, large, none := step(256, 128, 16), step(1024, 128, 8), step(256, 0, 16)
	all := []row{
		{work: "training step, emsize 256", bench: small, metric: tokens, goal: goal{false, [2]float64{0, 7000}}},
		{work: "training step, emsize 256: peak memory", bench: small, metric: peak, goal: goal{false, [2]float64{350, 350}}},
		{work: "training step, emsize 1024", bench: large, metric: tokens, goal: goal{true, [2]float64{0, 3}}},
	}
	for _, n := range []int{1000, 2500} {
		all = append(all, row{work: fmt.Sprintf("training step, emsize 256: time with %d rows of memory, over none", n), bench: step(256, n, 16), base: none, metric: times})
	}
	long := step(256, 5000, 16)
	all = append(all,
		row{work: "training step, emsize 256: time with 5000 rows of memory, over none", bench: long, base: none, metric: times, goal: goal{false, [2]float64{1.9, 1.9}}},
		row{work: "training step, emsize 256: peak memory with 5000 rows, over none", bench: long, base: none, metric: peakTimes, goal: goal{false, [2]float64{1.3, 1.3}}},
		row{work: "one-layer LSTM, H=256, Adam, step", bench: bench{jobsPkg, "BenchmarkLSTMLM/H=256/B=16"}, metric: tokens, goal: goal{false, [2]float64{0, 35000}}})
	for i := range all {
		all[i].reference = pyTorch
	}
	return append(all, row{work: "training step, emsize 256: Go heap", bench: small, metric: heap, goal: goal{false, [2]float64{64, 64}}})
}

func decoding() []row {
	var all []row
	for _, d := range []struct {
		width, rows int
		bound       float64
	}{{256, 0, 0.35}, {256, 1000, 0.6}, {256, 5000, 1.5}, {1024, 0, 12}} {
		all = append(all, row{work: fmt.Sprintf("one symbol, emsize %d, memory %d", d.width, d.rows),
			bench:  bench{jobsPkg, fmt.Sprintf("BenchmarkDecode/emsize=%d/rows=%d", d.width, d.rows)},
			metric: millis, reference: pyTorch, goal: goal{false, [2]float64{0, d.bound}}})
	}
	for _, d := range []struct {
		dtype string
		bound float64
	}{{"bfloat16", 7}, {"int8", 0}} {
		all = append(all, row{work: "one symbol, emsize 1024, memory 0, " + d.dtype,
			bench: bench{jobsPkg, "BenchmarkDecodeStored/emsize=1024/" + d.dtype}, metric: millis, goal: goal{false, [2]float64{0, d.bound}}})
	}
	return all
}

// steering are GPT-2's rows. The goals of plain decoding are what ggml's example
// of it was measured at with two threads, and a tenth more than its memory.
func steering() []row {
	gpt2 := func(what, size, dtype string, batch int) bench {
		return bench{jobsPkg, fmt.Sprintf("Benchmark%s/model=%s/dtype=%s/B=%d", what, size, dtype, batch)}
	}
	var all []row
	for _, d := range []struct {
		dtype, reference    string
		rate, memory, token float64
	}{{"float32", pyTorch, 55, 508, 180}, {"bfloat16", "", 108, 267, 100}, {"int8", "", 164, 154, 70}} {
		plain, steered := gpt2("Sample", "124M", d.dtype, 1), gpt2("Steer", "124M", d.dtype, 1)
		work := "GPT-2 124M, " + d.dtype
		all = append(all,
			row{work: work, bench: plain, metric: tokens, reference: d.reference, goal: goal{false, [2]float64{0, d.rate}}},
			row{work: work + ", against a plain read", bench: plain, metric: tokens,
				bound: bench{jobsPkg, "BenchmarkRead/model=124M/dtype=" + d.dtype}, goal: goal{true, [2]float64{0, 0.95}}},
			row{work: work + ": peak memory, short text", bench: plain, metric: peak, goal: goal{false, [2]float64{1.1 * d.memory, 1.1 * d.memory}}},
			row{work: "PPLM, " + work + ", a token", bench: steered, metric: millis, reference: d.reference, goal: goal{false, [2]float64{0, d.token}}},
			row{work: "PPLM, " + work + ": peak memory, short text, over the weights", bench: steered, metric: peakShare, goal: goal{false, [2]float64{1.5, 1.5}}},
			row{work: "PPLM, " + work + ": time of ten samples, over one", bench: gpt2("Steer", "124M", d.dtype, 10), base: steered, metric: times,
				reference: d.reference, goal: goal{false, [2]float64{0, 3}}})
	}
	return append(all, row{work: "PPLM, GPT-2 355M, float32, a token", bench: gpt2("Steer", "355M", "float32", 1), metric: millis,
		reference: pyTorch, goal: goal{false, [2]float64{0, 600}}})
}
