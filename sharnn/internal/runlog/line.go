package runlog

// Line is a line of the log: means over the steps since the last one, or an
// evaluation, which has Split and no Training.
type Line struct {
	Step   int     `json:"step"`
	Split  string  `json:"split,omitempty"` // Valid or Test
	Tokens int64   `json:"tokens"`          // learnt from since the run began
	Loss   float64 `json:"loss"`            // nats per byte
	BPC    float64 `json:"bpc"`             // bits per byte
	PPL    float64 `json:"ppl,omitempty"`   // perplexity per token or word, where symbols are not bytes
	*Training
	Wall float64 `json:"wall_s"` // seconds that the run has taken
}

// The splits.
const (
	Valid = "valid"
	Test  = "test" // of the best model, at its step
)

// Training is what the log says of training alone.
type Training struct {
	LR        float64 `json:"lr"`        // of the last step
	GradNorm  float64 `json:"grad_norm"` // of the last step, before clipping
	TokensPer float64 `json:"tokens_per_s"`
	Epoch     int     `json:"epoch"`             // epochs finished
	Skipped   int     `json:"skipped,omitempty"` // steps since the run began that -skip_outliers did not take
}
