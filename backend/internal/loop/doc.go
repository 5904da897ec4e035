// Package loop plans how kernels walk several tensors of one shape in step.
//
// A Loop is plain data that its caller owns; no method allocates. It holds no
// tensors: offsets and strides count elements from where each tensor begins.
// More than 8 axes longer than 1 panic with a *tensor.Error.
package loop
