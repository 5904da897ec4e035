// Package sharnn is the Single Headed Attention RNN (Merity 2019, arXiv
// 1911.11423): a stack of blocks, each an LSTM and a Boom feed-forward, one or
// all of them with a single attention head over a memory of past positions.
//
// A [Model] holds parameters, under the reference program's names. [Model.Run]
// records one segment on a tape. A [State] carries the LSTMs' states and the
// attention's memory from one segment to the next, without gradients between
// them, and owns its tensors; [State.Free] gives them back.
//
// [Save] and [Load] keep a model in a folder: config.json and
// model.safetensors. They return errors; a configuration that cannot be built
// is one too. Wrong shapes and state of another batch size panic with a
// [*tensor.Error].
package sharnn
