// Package represent computes what discriminators read of texts: the mean of a
// language model's hidden states over a text's tokens.
//
// Texts of like length are read side by side, the shorter ones filled up behind
// their ends, which a language model that reads from left to right does not see.
// [Means] allocates its result on the language model's backend; the caller frees
// it. Texts that do not fit the language model are errors.
package represent
