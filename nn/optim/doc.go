// Package optim has what turns gradients into new parameters: SGD, Adam, AdamW
// and LAMB ([Optimizer]), the norm of all gradients together and its clipping
// ([ClipNorm]), learning rates by step ([Schedule]), the moving average of
// parameters ([Average]) and the judgement of norms ([Outliers]).
//
// A training step is a loss's gradients, ClipNorm, then Step with the
// schedule's learning rate. Step writes the parameters, and uses the gradients
// as its working memory without freeing them. The moments are allocated when a
// parameter first has a gradient, belong to the optimizer, and end with Free.
//
// Parameters and gradients are contiguous and of one type, float32 or float64;
// a misfit panics with a [*tensor.Error]. So does a device's fault or want of
// memory, which the error then wraps.
package optim
