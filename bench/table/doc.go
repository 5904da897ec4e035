// Command table runs the benchmarks behind bench/RESULTS.md and prints them as
// one table in Markdown: the work, what was measured with one thread and with
// two, and the goal. With -python it runs the same work through OpenBLAS and
// PyTorch in turn with ours, and adds ratios.
//
//	go run ./bench/table [-run regexp] [-count n] [-quick] [-python python3]
//
// Each measurement is a process of its own, run -count times, whose threads, the
// Go runtime's included, are as many as the column says; the table has the
// medians. A reference's figure is compared with ours of the same round, and
// the table has the median of these ratios: with one thread against one, with
// two against the better of the reference's one and two. It is above 1 where
// ours is the better.
//
// Progress goes to standard error, the table to standard output and, with the
// raw results, to bench/out. Mistakes are reported as errors; what was measured
// before one is still printed.
package main
