// Package engine makes texts for many requests at once with one language model.
//
// [Engine.Run] is the goroutine that owns the model: nothing else calls it. Requests
// with the same attributes and the same steering are a group, whose texts advance
// together; groups take turns, a token of each text or a piece of its prompt at a
// time. So many texts are at work; requests beyond wait in the order in which they
// came, and where that queue is full [Engine.Submit] fails with a [*FullError].
//
// What a text has more goes into its [Stream]'s own memory, which the request's
// length bounds: a reader that is slow, or gone, holds up nobody. A request whose
// context ends, or whose stream is closed, gets no further token.
package engine
