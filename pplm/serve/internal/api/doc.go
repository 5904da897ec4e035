// Package api is the HTTP side of a language model that is steered: OpenAI's
// completions with an object that says what to steer towards, lists of what there
// is, metrics, and who may ask.
//
// [New] makes the handler; it starts nothing. Errors are JSON as OpenAI's are. A
// request's body is read whole before its answer begins, and each write of an answer
// has a deadline, so a connection that is slow to send or to read ends.
package api
