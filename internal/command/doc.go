// Package command is what the project's programs have in common: [Main] runs
// one with a context that Ctrl-C cancels and turns its error into one line and
// an exit status; [Flags] are named values in groups, set by arguments or by a
// strict JSON file; [Backend] is the choice of the machine to compute on.
//
// A program is a function of its context, arguments and streams, so that tests
// run it as Main does. Nothing here but Main ends the process. Mistakes in a
// program's own flag definitions panic; mistakes in its arguments are errors.
package command
