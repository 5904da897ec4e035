// Command compare lays training runs over each other: their curves in one picture,
// and a table of what they have come to.
//
//	go run ./sharnn/compare runs/book runs/large
//	go run ./sharnn/compare -o curves.svg runs/*
//
// A run is the folder that train wrote, be it still at work, or a log file alone. The
// picture has bits per byte, in training and in validation, against tokens and against
// time. The table has, for each run,
//
//	parameters   numbers in the model
//	tokens       learnt from: bytes, tokens or words, whichever the model reads
//	hours        that the run took, its evaluations included
//	best valid   the lowest bits per byte on the validation part, and the step
//	test         bits per byte of that model on the test part
//	tokens/s     of training alone
//	settings     the flags in which the runs differ
//
// and a dash for what is not known. A log's last line, which may be half written, does
// not count then.
package main
