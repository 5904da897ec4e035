// Package bpe is the byte-level byte-pair encoding of GPT-2 (Radford et al.
// 2019): text is cut into words by a fixed pattern ([Words]), the bytes of each
// word are the first tokens, and pairs of neighbours become one token in the
// order in which the pairs were learnt (Sennrich et al. 2016). Every string of
// bytes has an encoding and decodes to itself, be it UTF-8 or not.
//
// [Load] reads a Hugging Face folder, [Train] learns a vocabulary from text, and
// [Tokenizer.Save] writes what both Load and Hugging Face read.
//
// # Special tokens
//
// A token such as <|endoftext|> that no merge makes is special. Decoding writes
// its text. [Tokenizer.Encode] takes all text for plain text and never makes
// one; [Tokenizer.EncodeSpecial] does.
//
// # Memory and errors
//
// A [Tokenizer] does not change, and any number of goroutines may use it. It
// remembers the encoding of recent words in a table of fixed size, a few
// megabytes when full. What Encode and Decode return belongs to the caller;
// the strings of [Tokenizer.Token] are the tokenizer's own.
//
// Whatever files may hold is returned as an error that names the file. An id
// outside the vocabulary panics, as indexing does.
package bpe
