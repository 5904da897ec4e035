// Package nn has the layers and losses that the models are made of.
//
// A layer is a struct of [Param]s with a Forward that records on a tape. It
// allocates its parameters when made, from the backend it is given, and
// [Free] gives them back. Forward allocates nothing that outlives the tape.
// Parameters carry the names of the reference PyTorch modules, so weights move
// both ways. A layer made of bfloat16 or Int8, to be read and not trained, keeps
// its matrices in that dtype and its vectors in float32. Misfitting shapes panic in autograd, naming the op.
package nn
