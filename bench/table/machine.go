package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/cpu"
)

// machine is what the figures are true of.
type machine struct {
	cpu       string // as go test names it
	libraries []string
	load      [2]string // before and after
}

func (m machine) print(w io.Writer) {
	name := m.cpu
	if name == "" {
		name = "unknown processor"
	}
	fmt.Fprintf(w, "%s, %d cores, %s; %s, %s/%s", name, runtime.NumCPU(), instructions(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if m.load[0] != "" {
		fmt.Fprintf(w, "; load average %s before, %s after", m.load[0], m.load[1])
	}
	fmt.Fprintln(w)
	for _, l := range m.libraries {
		fmt.Fprintln(w, l)
	}
	fmt.Fprintln(w)
}

// instructions are the processor's sets that matter to the kernels.
func instructions() string {
	var have []string
	for _, set := range []struct {
		name string
		has  bool
	}{
		{"AVX2", cpu.X86.HasAVX2 && cpu.X86.HasFMA},
		{"AVX-512", cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL},
		{"AVX-512 BF16", cpu.X86.HasAVX512BF16},
		{"AVX-512 VNNI", cpu.X86.HasAVX512VNNI},
		{"NEON", cpu.ARM64.HasASIMD},
	} {
		if set.has {
			have = append(have, set.name)
		}
	}
	if len(have) == 0 {
		return "no vector instructions known"
	}
	return strings.Join(have, ", ")
}

// loadAverage are the runnable processes over 1, 5 and 15 minutes, where the
// system says so in a file.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}
