// Package corpus turns text into what a language model over bytes, tokens or
// words trains on.
//
// [Open] maps a file, a folder, a .gz or a .zip; [GoSource] the source of the Go
// standard library, the text every machine with Go has; [Fetch] finds a corpus that
// research uses, in the cache or on the net. A text that comes with files for
// training, validation and test keeps them as its parts ([OpenParts]), any other
// is cut by a [Split]. A [Vocab] numbers the bytes that occur, the tokens of a
// byte-level BPE, or words; [EncodeText] gives the [IDs] of a part, and a [Stream]
// lays them out in B parallel lanes and hands out segments of T rows. Nothing is
// shuffled.
//
// # Memory
//
// Texts lie in mapped files: their bytes come from the disk as they are used, and
// leave memory when it is wanted for something else. A plain file is mapped where
// it is. What is joined or unpacked goes to a file without a name. The parts of a
// split alias the text, and so do the ids of bytes, which are read through a table;
// none of them may be used after [Text.Close]. Ids of tokens and words are a mapped
// file in the cache folder, of two bytes for each if the vocabulary has up to 65,536,
// else of four; ids of a text of 8 MB and less are in memory. Vocabularies are in
// memory. [Stream.Segment] allocates nothing.
//
// Sizes that a header declares are not trusted: what is unpacked or joined stops
// with [ErrTooLarge] at [DefaultLimit].
//
// # The cache
//
// [CacheDir] has corpora that were downloaded, checked by size and SHA-256 each time
// that they are used, and ids, named after a hash of the text and the vocabulary and
// checked by a sum when they are opened. Files get their names when they are whole,
// so that several runs may encode at once and a run that is killed spoils nothing;
// what it was writing stays as a scratch or .tmp file. Nothing there is ever deleted
// but a download that is found to be wrong; all of it may be.
//
// # Errors
//
// Everything a file, a server or a flag can get wrong is returned as an error. Segments
// outside a stream, buffers of the wrong length and ids outside a vocabulary
// are mistakes of the caller and panic, the first two with a [tensor.Error].
package corpus
