// Package head holds the discriminators of PPLM: linear classifiers that read a
// text's mean hidden state in a language model (Dathathri et al. 2019, section
// 3.3).
//
// A [Head] is plain numbers and belongs to the caller. [Load] reads our own
// files, a safetensors file with a JSON file beside it that names the classes and
// the language model, and the reference program's (.pt and its _meta.json), by
// path or, for the published ones, by name in a folder; nothing is downloaded.
// [Head.Save] writes ours, each file in one step. [Head.Check] refuses a language
// model that the head was not trained on.
//
// A [Trainer] fits a head to representations by logistic regression with Adam, as
// the reference does; [Fit] runs epochs. The representations
// are a tensor (N, H) on a backend, computed once for each text, since the
// language model does not change.
//
// Files and arguments that do not fit are returned as errors; a tensor of the
// wrong shape panics with a [*tensor.Error].
package head
