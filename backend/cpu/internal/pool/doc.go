// Package pool forks and joins the tasks of one numeric kernel over a few workers.
//
// A kernel cuts its work in tasks, calls [Pool.Do], and goes on when all of them are done.
// The caller is one of the workers. The tasks are claimed one at a time, and the caller
// waits only for tasks that another worker has begun: a worker that sleeps, or whose
// processor is taken by another process, costs its help and nothing else.
//
// Between jobs a worker spins for about as long as it would take to wake it, and then
// sleeps. Spinning that has not bridged the gaps between jobs is cut short, sleepers that
// came too late are woken less often, and when a join has stalled, a sign that other
// processes want the processors, short jobs stay with their caller for a while. So a job
// gains most if it has a few tasks for each worker: long ones then reach workers that were
// woken in the middle of it.
//
// Which worker runs a task, and in what order, is open. A result that must not depend on
// the number of workers needs tasks that do not depend on it either: so for Do the caller
// chooses them, and [Pool.For], whose chunks depend on the workers, is for elementwise
// work only.
//
// The pool is safe for use by several goroutines. It keeps no reference to a task after Do
// has returned, and a Do allocates nothing beyond what the caller's closure costs. A Pool
// owns goroutines until it is closed.
//
// New panics with a [WorkersError]. Do and For panic with what a task panicked with, after
// the other tasks have finished, and with [ErrGoexit] if a task ended a worker's goroutine
// by runtime.Goexit.
package pool
