// Package torchfile reads and writes the tensors of PyTorch's own files (.pt, .pth, .bin),
// as torch.save makes them of a state dict: a zip archive with a pickle and an
// entry for each storage, or, before PyTorch 1.6, a row of pickles with the raw
// storages after them.
//
// Nothing in a pickle is ever executed. Before it is read, its instructions are
// checked against those that torch.save writes for tensors in dictionaries and
// lists, and every global against a short list: OrderedDict, the storage types
// and the two functions that describe a tensor and a parameter. A whole pickled
// module, or anything else, is a [*GlobalError] that names the global.
//
// [Open] maps a file into memory where the system can; opening takes memory in
// proportion to the pickle, not to the tensors. [File.Lookup] gives tensors as
// [safetensors.Tensor], so that a loader reads both kinds of file alike: where a
// tensor is contiguous its Data is a view of the file, read-only, which ends
// with [File.Close]; else it is a copy. A view need not be aligned to its
// elements. The checksums of storages are not checked.
//
// [Write] makes such a file of tensors, in the zip format, with each storage at a
// multiple of 64 bytes and nothing in its pickle that torch.load with weights_only
// refuses.
//
// Bad files are returned as errors; nothing here panics. A File may be used from
// several goroutines until it is closed.
package torchfile
