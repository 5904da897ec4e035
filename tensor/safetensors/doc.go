// Package safetensors reads and writes the safetensors format: eight bytes with
// the length of a header (little-endian), the header in JSON (name, type, shape
// and place of each tensor, and a map of strings), and the tensors' bytes,
// little-endian and row-major, one after another.
//
// [Open] maps a file into memory where the system can and reads it otherwise;
// [Parse] takes bytes. Both check everything that the format demands before a
// tensor is handed out, never panic on bad bytes, and allocate in proportion to
// the header alone. [Tensor.Data] is a view of the mapped file: it is
// read-only, ends with [File.Close], and must not outlive it.
// [Tensor.Float64s], [Tensor.Float32s] and [Tensor.Int32s] copy and convert.
//
// [Write] streams tensors, each from a callback, into a new file that takes the
// old one's place only when it is whole and on the disk; [WriteAtomic] does the
// same for any content. Equal arguments give equal bytes.
//
// Bad files and failing disks are returned as errors that name the file and the
// tensor; nothing here panics.
package safetensors
