// Command convert carries the weights of a SHA-RNN between this project and the
// reference program, which is written in PyTorch.
//
//	go run ./sharnn/convert -from state.pt -o runs/theirs -data enwik8
//	go run ./sharnn/convert -from runs/book -o state.pt
//
// A file becomes a model's folder, a folder a file. A file is a state dict: tensors
// under the names of the reference's modules, in PyTorch's own format or in that
// of safetensors. The sizes of the model, and which of its blocks attend, are read
// from names and shapes; what these cannot tell (the vocabulary, the length of the
// memory, heads) are flags, or are taken from another model's folder (-like). Numbers are carried
// bit for bit.
//
// The criterion of a model with an adaptive softmax has a state dict of its own,
// NAME.criterion.pt beside NAME.pt.
//
// The reference numbers its symbols by how often they occur, and so the rows of the
// embeddings: -data, the folder that its program was given, rebuilds that. Of a
// text of bytes, such as its enwik8, the rows are put in the order of the bytes on
// the way in, and back on the way out.
//
// Nothing is written unless everything fits: what a state dict lacks and what it
// has too much is one error that names all of it. Output that is there already is
// replaced with -force alone.
//
// The reference's main.py saves whole Python objects, not tensors. docs/pytorch.md
// has the lines of Python that make a state dict of such a file.
package main
