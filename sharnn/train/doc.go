// Command train trains a SHA-RNN on text, over its bytes, or over words or the
// tokens of a byte-level BPE that it learns from the text first.
//
//	go run ./sharnn/train
//	go run ./sharnn/train -data book.txt -minutes 2
//	go run ./sharnn/train -data enwik8.zip -steps 20000 -out runs/enwik8
//	go run ./sharnn/train -data books -tokens bpe:4096 -minutes 60
//	go run ./sharnn/train -fetch wikitext-2 -tokens words -minutes 60
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
//	DIR/words.txt                           its words, with -tokens words
//	DIR/train.json                          the effective flags; -config takes it
//	DIR/log.jsonl                           a JSON object per log line
//	DIR/log.csv                             the same as a table
//	DIR/curve.png, DIR/curve.svg            bits per byte, in training and validation, against tokens and against time
//	DIR/events.out.tfevents.*               the log and the samples for TensorBoard
//	DIR/save-000001, ...                    the run as it was saved; the newest -keep of them
//
// A save gets its name when it is whole and on the disk; SHA256SUMS in it is what
// "sha256sum -c" reads. A run resumed from it goes on bit for bit as if it had
// never stopped, with any number of threads: it holds the parameters, their
// average, the optimizer's memory, the place in the text, the recurrent state and
// the memory, the step that all random numbers follow from, where the schedule
// stands, and the best model of its time. A newest save that is damaged is
// reported and renamed, and the one before it used.
//
// The curves and the table are drawn from the log after an evaluation, so often that
// it takes a fiftieth of the time at most, when a run is resumed, and when it ends,
// however it ends. What a resumed run does again is in each of these files once:
// the log and the event files are cut back to the save, and a resumed run begins an event
// file of its own. A fault in drawing or in an event file is a warning.
//
// All losses are per byte: with -tokens bpe or words what a token costs is divided
// by the bytes that tokens have on average, in the text that is evaluated, or in the
// training part for the losses of training. Perplexity, which is given beside them,
// is per token or word. Tokens, in the log and the speed, are what the model reads:
// bytes, tokens or words.
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
// # Habits
//
// -schedule plateau and -patience follow the validation loss: after so many
// evaluations that are no better than the best the run goes back to the best
// model, with an optimizer and a state that remember nothing, and half the rate,
// which rises anew over -warmup steps; with other schedules it ends. -second_pass
// does the same once, after -epochs, as the model's authors did.
//
// With -ema the average of the weights is the model that is evaluated, kept and
// gone back to; the steps go on from the weights themselves. An average begins
// with the model, and remembers at first a tenth of it, later 1/(1-ema) steps.
//
// -skip_outliers leaves out what is far from usual, -overfit checks that a model
// can learn at all, -wdrop keeps one from learning by heart, and -recompute takes
// time instead of memory.
//
// # Ending
//
// The command ends with status 0 when the run is over, be it by -minutes. Ctrl-C
// and SIGTERM let the step in progress end, save, and print how to go on; the
// status is then 1, so that what a script was to do with the finished model is
// not done with an unfinished one. A second Ctrl-C ends at once; the saves are
// what they were. Bad flags end with status 2, everything else that goes wrong with
// 1, and one line that says what.
package main
