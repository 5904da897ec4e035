package runlog

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
)

// columns are what a Line has, under the names of the log.
var columns = []string{"step", "split", "tokens", "loss", "bpc", "ppl", "lr", "grad_norm", "tokens_per_s", "epoch", "skipped", "wall_s"}

// WriteCSV writes lines as a table with a head. What a line does not have is
// empty, and the split of training is "train".
func WriteCSV(w io.Writer, lines []Line) error {
	c := csv.NewWriter(w)
	c.Write(columns)
	for _, l := range lines {
		row := []string{strconv.Itoa(l.Step), "train", strconv.FormatInt(l.Tokens, 10), decimal(l.Loss), decimal(l.BPC), "", "", "", "", "", "", decimal(l.Wall)}
		if l.Split != "" {
			row[1] = l.Split
		}
		if l.PPL != 0 {
			row[5] = decimal(l.PPL)
		}
		if t := l.Training; t != nil {
			copy(row[6:], []string{decimal(t.LR), decimal(t.GradNorm), decimal(t.TokensPer), strconv.Itoa(t.Epoch), strconv.Itoa(t.Skipped)})
		}
		c.Write(row)
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("writing the log as CSV: %w", err)
	}
	return nil
}

// decimal is the shortest text that is read back as x.
func decimal(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
