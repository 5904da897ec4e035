// Command generate writes text with a SHA-RNN that train has trained.
//
//	go run ./sharnn/generate -checkpoint runs/book
//	go run ./sharnn/generate -checkpoint runs/book -prompt "It was" -n 300
//	echo "It was" | go run ./sharnn/generate -checkpoint runs/book -prompt -
//
// It prints the prompt and then the bytes of symbol after symbol as they are
// drawn: a model's symbols are bytes, or tokens where train was told -tokens bpe.
// The same flags give the same text. Ctrl-C ends the text early, with a newline and
// status 0.
package main
