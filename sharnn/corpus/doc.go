// Package corpus turns text into what a language model over bytes or tokens
// trains on.
//
// [Open] reads a file, a folder, a .gz or a .zip; [GoSource] reads the source
// of the Go standard library, the text every machine with Go has. A [Split]
// cuts the text into training, validation and test parts, a [Vocab] numbers the
// bytes that occur or the tokens of a byte-level BPE, and a [Stream] lays a part
// out in B parallel lanes and hands out segments of T rows.
//
// # Memory
//
// A text is held once, as bytes. The parts of a split and the lanes of a stream
// of bytes alias it, so it must not be changed while they are in use; a stream of
// tokens holds their ids. [Stream.Segment] allocates nothing.
//
// Sizes that a header declares are not trusted: buffers grow with what has been
// read, and reading stops with [ErrTooLarge] at a limit on the whole text.
//
// # Errors
//
// Everything a file or a flag can get wrong is returned as an error. Segments
// outside a stream, buffers of the wrong length and ids outside a vocabulary
// are mistakes of the caller and panic, the first two with a [tensor.Error].
package corpus
