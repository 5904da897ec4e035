// Command evaluate measures a SHA-RNN that train has trained: the exact mean
// bits per character of the test or validation part of a text.
//
//	go run ./sharnn/evaluate -checkpoint runs/book
//	go run ./sharnn/evaluate -checkpoint runs/book -part valid -mem 0,1000,5000
//	go run ./sharnn/evaluate -checkpoint runs/book -data other.txt -json
//	go run ./sharnn/evaluate -checkpoint runs/book -attention attention.png
//
// Where it is not told the text, the split and the segment length, it takes them
// from the folder's train.json, which train writes; a text that train named by a
// relative path is looked for from the current folder.
//
// Bits and nats are per byte, of a model over tokens or words (train's -tokens) too:
// the sum over them is divided by their bytes, so that all models compare.
// Perplexity is per byte, token or word, whichever the model reads.
//
// A part of N symbols has N-1 targets, and each counts once. They are read in
// -batch_size lanes, each of which starts without a past: one lane is the figure
// that a single reader of the text would get. More are faster and very slightly
// worse. The reference's column is what the program of the SHA-RNN paper would
// report for the same lanes: it divides by the number of symbols in a lane, of
// which the first has no prediction.
//
// With -attention it reads the end of the part, draws what each of the last positions
// looks at, as PNG or SVG, and prints the text around what the very last one looks at
// most. Heads of a block are averaged; each block that attends has a panel.
package main
