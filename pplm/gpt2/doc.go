// Package gpt2 is GPT-2 (Radford et al. 2019) of any size, from a folder in the
// layout of Hugging Face, as a [pplm.LM].
//
// [Open] reads config.json and the weights: model.safetensors, several such
// files with model.safetensors.index.json, or pytorch_model.bin. Weights whose
// type in the file is the one asked for are mapped where the backend can
// (backend.Mapper); the folder's files must then not be changed until
// [Model.Free]. Others are converted piece by piece. Bad folders are errors that
// name the file, the tensor, what was found and what was expected.
//
// A model is only read: matrices are float32, float64, bfloat16 or int8, the
// vectors and the position embeddings of the type the matrices compute in. A
// Step allocates on its tape; a state owns its keys and values, which grow
// geometrically up to the model's positions. Several goroutines may step
// states of one model.
//
// Steps panic with a [*tensor.Error] where shapes do not fit, where the
// positions are used up (Info.Positions tells beforehand), and on a state that
// another one has taken over.
package gpt2
