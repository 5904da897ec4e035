// Package events writes the event files that TensorBoard reads: scalars and
// texts by step.
//
// A file is a sequence of TFRecords, each an Event message of protocol buffers.
// A [Writer] appends whole records, so that a process that is killed leaves at
// most its last record cut off, at which readers stop. What a run does again, after it
// was resumed from before its end, [Cut] takes back from the files, and a new file
// voids it for a reader that has it already. A Writer belongs to one goroutine.
// Faults of files are returned; nothing panics.
package events
