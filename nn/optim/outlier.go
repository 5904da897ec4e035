package optim

import "math"

// Outliers tells gradient norms that are far above the usual ones. It is plain
// numbers: what a checkpoint holds of it is the value itself.
type Outliers struct {
	Count    int     `json:"count"`
	Mean     float64 `json:"mean"`     // running
	Variance float64 `json:"variance"` // running
}

// outlierWindow is how many norms the mean remembers, and how many must have been
// seen before one is judged.
const outlierWindow = 100

// Far takes a step's norm and tells by how many standard deviations it lies above
// the mean of those before, and whether these are more than limit. An outlier
// enters the mean as if it lay at the limit: it does not spoil the mean for those
// that follow, and where norms stay that high they soon are the usual ones.
func (o *Outliers) Far(norm, limit float64) (deviations float64, far bool) {
	if o.Count >= outlierWindow && norm > o.Mean {
		deviations = (norm - o.Mean) / math.Sqrt(o.Variance)
		if far = deviations > limit; far {
			norm = o.Mean + limit*math.Sqrt(o.Variance)
		}
	}
	o.Count++
	share := 1 / float64(min(o.Count, outlierWindow))
	delta := norm - o.Mean
	o.Mean += share * delta
	o.Variance = (1 - share) * (o.Variance + share*delta*delta)
	return deviations, far
}
