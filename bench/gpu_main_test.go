//go:build gpucheck

package bench

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

var (
	quick  = flag.Bool("quick", false, "small sizes, to try the program out; its times mean nothing")
	groups = flag.String("run", "", "run only the tests and benchmarks, PyTorch being one, that match this `regexp`; what follows a slash picks from within them")
	report = flag.String("report", "gpu-check.txt", "the `file` that takes everything that is printed")
	python = flag.String("python", "python3", "the `program` that runs PyTorch, where it has it; empty: none")
	limit  = flag.Duration("limit", 10*time.Minute, "the most `time` that one test or benchmark may take")
	part   = flag.String("part", "", "run one `test` or benchmark in this process and nothing else")
)

// TestMain makes a program of the tests and benchmarks whose names begin with
// GPU. It runs each in a process of its own, as a fault or a hang of the device
// ends a process, then the same work in PyTorch, and ends with a table.
func TestMain(m *testing.M) {
	flag.Usage = usage
	flag.Parse()
	if *part != "" {
		os.Exit(runPart(m))
	}
	if err := check(); err != nil {
		fmt.Fprintln(os.Stderr, "gpu-check:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintf(os.Stderr, `gpu-check tests Tiller's backend cublas on this machine's GPU and measures it, beside
PyTorch where python3 has it. It needs NVIDIA's driver, NVRTC and cuBLAS; cuDNN is
used where it is found (the nvidia-* packages of a Python environment will do).

  ./gpu-check                     everything
  ./gpu-check -run Golden         some of it; the names are in the report
  ./gpu-check -run Conformance/MatMul
  ./gpu-check -run 'Train|PyTorch'
  ./gpu-check -quick -python ''   small sizes, without PyTorch

`)
	flag.PrintDefaults()
}
