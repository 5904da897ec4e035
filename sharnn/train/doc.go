// Command train trains a SHA-RNN on text, over its bytes or over the tokens of a
// byte-level BPE that it learns from the text first.
//
//	go run ./sharnn/train
//	go run ./sharnn/train -data book.txt -minutes 2
//	go run ./sharnn/train -data enwik8.zip -steps 20000 -out runs/enwik8
//	go run ./sharnn/train -data books -tokens bpe:4096 -minutes 60
//	go run ./sharnn/train -resume runs/enwik8
//
// Without arguments it trains on the source of the Go standard library for ten
// minutes. The flags, their defaults and the reasons for them are what -h
// prints.
//
// # The output folder
//
//	DIR/config.json, DIR/model.safetensors  the best model so far, by validation
//	DIR/vocab.json, DIR/merges.txt          its tokens, with -tokens bpe; as Hugging Face has them
//	DIR/train.json                          the effective flags; -config takes it
//	DIR/log.jsonl                           a JSON object per log line
//	DIR/last, DIR/prev                      the run as last saved, and the save before
//
// DIR/last is written beside the old one and takes its place when it is whole
// and on the disk; SHA256SUMS in it is what "sha256sum -c" reads. A run resumed
// from it goes on bit for bit as if it had never stopped. Where it is damaged
// DIR/prev is used.
//
// All losses are per byte: with -tokens bpe what a token costs is divided by the
// bytes that tokens have on average, in the text that is evaluated, or in the
// training part for the losses of training. Tokens, in the log and the speed, are
// what the model reads: bytes or tokens.
//
// # Steps
//
// A step is one change of the parameters: the gradients of -accumulate segments,
// summed, of batch_size lanes and about bptt rows each. The recurrent state and
// the memory pass from one segment to the next, without gradients, and are
// dropped where an epoch begins. What a step does follows from the flags and its
// number alone. Time only decides how many steps there are: without -steps and
// -epochs the first steps, at the rate with which the schedule begins, measure
// the speed, and then the number of steps is fixed, printed and saved.
//
// # Ending
//
// The command ends with status 0 when the run is over, be it by -minutes. Ctrl-C
// and SIGTERM let the step in progress end, save, and print how to go on; the
// status is then 1, so that what a script was to do with the finished model is
// not done with an unfinished one. A second Ctrl-C ends at once; DIR/last is
// what it was. Bad flags end with status 2, everything else that goes wrong with
// 1, and one line that says what.
package main
