package main

import (
	"strconv"
	"strings"
)

// A job is one measurement: a benchmark with its library and its threads.
type job struct {
	library string
	bench   bench
	threads int
}

// name is the benchmark's whole name.
func (j job) name() string {
	part := "threads="
	if j.bench.pkg == gemmPkg {
		part = "workers="
	}
	return j.bench.name + "/" + part + strconv.Itoa(j.threads)
}

// pattern selects the benchmark alone for -test.bench.
func (j job) pattern() string {
	return "^" + strings.ReplaceAll(j.name(), "/", "$/^") + "$"
}

// jobs are what a row is made of, ours and the reference's in turn. The other
// libraries are left out unless they are here.
func (r row) jobs(here map[string]bool) []job {
	var all []job
	for threads := 1; threads <= 2; threads++ {
		for _, b := range []bench{r.base, r.bench} {
			if b.name == "" {
				continue
			}
			all = append(all, job{ours, b, threads})
			if here[r.reference] {
				all = append(all, job{r.reference, b, threads})
			}
		}
		if r.bound.name != "" {
			all = append(all, job{ours, r.bound, threads})
		}
	}
	return all
}

// values are a benchmark's results by benchfmt's units.
type values map[string]float64

// results are the values of each round.
type results map[job][]values

// series are a row's figures by round, empty where a job was not run.
func (r row) series(all results, library string, b bench, threads int) []float64 {
	figures := column(all[job{library, b, threads}], r.metric.unit)
	for i := range figures {
		figures[i] *= r.metric.scale
	}
	if r.base.name == "" {
		return figures
	}
	base := column(all[job{library, r.base, threads}], r.metric.unit)
	figures = figures[:min(len(figures), len(base))]
	for i := range figures {
		figures[i] /= base[i]
	}
	return figures
}

// column is one unit of all rounds, empty unless all have it.
func column(rounds []values, unit string) []float64 {
	var out []float64
	for _, v := range rounds {
		x, ok := v[unit]
		if !ok {
			return nil
		}
		out = append(out, x)
	}
	return out
}
