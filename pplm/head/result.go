package head

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Result is how well a head tells texts apart.
type Result struct {
	Texts     int
	Loss      float64 // mean of -log p(class|x), in nats
	Confusion [][]int // [class][prediction]

	sum float64
}

func newResult(classes int) *Result {
	r := &Result{Confusion: make([][]int, classes)}
	for c := range r.Confusion {
		r.Confusion[c] = make([]int, classes)
	}
	return r
}

// add takes in the predictions logProbs (len(y), C); of equal ones the first
// counts.
func (r *Result) add(logProbs []float64, y []int32) {
	n := len(r.Confusion)
	for i, class := range y {
		row, best := logProbs[i*n:(i+1)*n], 0
		for c, v := range row {
			if v > row[best] {
				best = c
			}
		}
		r.sum -= row[class]
		r.Confusion[class][best]++
	}
	r.Texts += len(y)
	r.Loss = r.sum / float64(r.Texts)
}

// Correct is how many predictions are right.
func (r *Result) Correct() int {
	n := 0
	for c := range r.Confusion {
		n += r.Confusion[c][c]
	}
	return n
}

// Print writes the confusion matrix, a row for each class and a column for each
// prediction, with each class's recall and each prediction's precision.
func (r *Result) Print(w io.Writer, classes []string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "class \\ predicted\t")
	for _, name := range classes {
		fmt.Fprintf(t, "%s\t", name)
	}
	fmt.Fprint(t, "recall\t\n")
	predicted := make([]int, len(classes))
	for c, row := range r.Confusion {
		fmt.Fprintf(t, "%s\t", classes[c])
		total := 0
		for p, n := range row {
			fmt.Fprintf(t, "%d\t", n)
			total += n
			predicted[p] += n
		}
		fmt.Fprintf(t, "%s\t\n", share(row[c], total))
	}
	fmt.Fprint(t, "precision\t")
	for p, n := range predicted {
		fmt.Fprintf(t, "%s\t", share(r.Confusion[p][p], n))
	}
	fmt.Fprint(t, "\t\n")
	return t.Flush()
}

func share(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of))
}
