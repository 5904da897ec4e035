// Package runlog is the log of a training run, log.jsonl: its lines, how they are
// read back, and the same as a table for spreadsheets.
package runlog
