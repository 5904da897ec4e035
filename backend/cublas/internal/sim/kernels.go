package sim

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/backend/cublas/kernels"
)

// Source is a file of kernels besides those of package kernels. Text is all that
// is compiled: no prelude is put before it.
type Source struct {
	Name, Text string
}

// kernelPattern finds kernels once macros are expanded.
var kernelPattern = regexp.MustCompile(`__global__\s+void\s+(?:__launch_bounds__\s*\(([^;{]*?)\)\s*)?(\w+)\s*\(`)

// kernelUnits are the files of kernels, each in a namespace of its own, and the
// list of them.
func kernelUnits(c compiler, extra []Source) ([]unit, error) {
	prelude, err := prelude()
	if err != nil {
		return nil, err
	}
	all := slices.Clone(extra)
	for _, name := range kernels.Names() {
		text, err := kernels.Source(name)
		if err != nil {
			return nil, err
		}
		all = append(all, Source{name, text})
	}
	var units []unit
	var index bytes.Buffer
	fmt.Fprintln(&index, `#include "module.h"`)
	for _, s := range all {
		u, err := kernelUnit(c, s, prelude)
		if err != nil {
			return nil, err
		}
		units = append(units, u)
		fmt.Fprintf(&index, "extern const sim_module sim_module_%s;\n", s.Name)
	}
	fmt.Fprintln(&index, "const sim_module *const sim_modules[] = {")
	for _, s := range all {
		fmt.Fprintf(&index, "\t&sim_module_%s,\n", s.Name)
	}
	fmt.Fprintln(&index, "\tnullptr};")
	return append(units, unit{name: "modules.cpp", text: index.Bytes(), flags: hostFlags}), nil
}

// prelude is the text that stands before each file: the source of the prelude
// itself is that text twice.
func prelude() (string, error) {
	twice, err := kernels.Source(kernels.Prelude)
	if err != nil {
		return "", err
	}
	return twice[:len(twice)/2+1], nil
}

// kernelUnit is one file with the table of its kernels.
func kernelUnit(c compiler, s Source, prelude string) (unit, error) {
	expanded, err := c.run("", []byte(s.Text), "-E", "-P", "-x", "c++", "-std=c++17", "-DSIMULATOR=1", "-")
	if err != nil {
		return failed(s, err), nil
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "#include \"device.h\"\nnamespace %s_kernels {\n", s.Name)
	text := s.Text
	if rest, ok := strings.CutPrefix(text, prelude); ok {
		fmt.Fprintf(&b, "#line 1 \"prelude.cu\"\n%s", prelude)
		text = rest
	}
	fmt.Fprintf(&b, "#line 1 \"%s.cu\"\n%s\n#line 1 \"table of %s.cu\"\n", s.Name, text, s.Name)
	fmt.Fprintln(&b, "static const sim_kernel sim_table[] = {")
	for _, m := range kernelPattern.FindAllSubmatch(expanded, -1) {
		bounds := m[1]
		if len(bounds) == 0 {
			bounds = []byte("0")
		}
		fmt.Fprintf(&b, "\tSIM_KERNEL(%s, (sim_first(%s)))\n", m[2], bounds)
	}
	fmt.Fprintf(&b, "\t{nullptr, nullptr, nullptr, 0}};\n}\n%s", module(s, s.Name+"_kernels::sim_table", "nullptr"))
	return unit{name: s.Name + ".cpp", text: b.Bytes(), flags: kernelFlags, source: &s}, nil
}

// failed is a unit in place of a file that does not compile: the simulated
// compiler gives the error as its log.
func failed(s Source, err error) unit {
	text := "#include \"kernel.h\"\n" + module(s, "nullptr", cString(err.Error()))
	return unit{name: s.Name + ".failed.cpp", text: []byte(text), flags: kernelFlags}
}

// module defines what stands for a file.
func module(s Source, table, log string) string {
	h := fnv.New64a()
	h.Write([]byte(s.Text))
	return fmt.Sprintf("extern const sim_module sim_module_%s;\nconst sim_module sim_module_%s = {\"%s\", %dull, %#xull, %s, %s};\n",
		s.Name, s.Name, s.Name, len(s.Text), h.Sum64(), table, log)
}

// cString is a string literal of C.
func cString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, "\\%03o", c)
	}
	b.WriteByte('"')
	return b.String()
}
