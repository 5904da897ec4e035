// Package onnx writes a SHA-RNN as an ONNX model, of standard operators alone:
// opset 17, IR version 8, float32. The graph runs one segment of T positions for
// a batch of B texts. What the model remembers goes in and comes out, since a
// graph has no memory of its own:
//
//	tokens                  int64 (T, B)     ids of symbols
//	blocks.N.h, blocks.N.c  float (B, H)     the LSTM's state, zeros to start with
//	blocks.N.memory         float (M, B, H)  past rows of a block that attends, none to start with
//	logits                  float (T, B, V)  log probabilities where the softmax is adaptive
//	next.blocks.N.h         and so on: the inputs of the next segment
//
// T, B and M are dynamic, T and B at least 1. All blocks' memories have the same
// M. A model without memory (mem 0) has no memory inputs. As [sharnn.State]
// does, the graph cuts memories before a segment to what it may see, and after
// it to the model's limit.
//
// Parameters keep their names and values, but for the LSTM's rows, which stand
// in ONNX's order of gates, with both biases as one tensor, and for the
// attention's vs, which is collapsed. Those that no output depends on are left
// out. The decoder's matrix is the embeddings', held once.
//
// The model's metadata holds its configuration ("config") and vocabulary
// ("vocab") as JSON, as the files of [sharnn.Save] do.
//
// The wire format is written by hand from onnx.proto3 (github.com/onnx/onnx),
// so no generated code is needed. Tensors are read and written one at a time.
package onnx
