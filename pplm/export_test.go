package pplm

// KthLargest and KeepTop are the filters of top_k.
var (
	KthLargest = kth
	KeepTop    = keepTop
	DrawToken  = draw
)

// Divergence and Lift make the divergence from the unsteered distribution.
var (
	Divergence = divergence
	Lift       = lift
)
