// Streams and events. Work waits in its stream until the host waits for it: what
// forgets to wait reads what was there before.
#include "sim.h"

#include <time.h>

static const size_t LONGEST = 4096; // queue; a longer one runs

double seconds() {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int stream_ready(CUstream s) {
	if (!known(KIND_STREAM, s))
		return INVALID_HANDLE;
	return s->capturing && s->invalid ? CAPTURE_INVALIDATED : OK;
}

int enqueue(CUstream s, Op op) {
	if (int code = stream_ready(s))
		return code;
	if (s->capturing) {
		s->captured.push_back(std::move(op));
		return OK;
	}
	s->queue.push_back(std::move(op));
	return sim.eager || s->queue.size() > LONGEST ? drain(s) : OK;
}

int drain(CUstream s) {
	while (!s->queue.empty() && !sim.fault) {
		Op op = std::move(s->queue.front());
		s->queue.pop_front();
		op.run();
	}
	if (sim.fault)
		s->queue.clear();
	return sim.fault;
}

int drain_all() {
	for (const void *h : sim.handles[KIND_STREAM])
		drain((CUstream)h);
	return sim.fault;
}

bool refuse_in_capture() {
	bool any = false;
	for (const void *h : sim.handles[KIND_STREAM]) {
		CUstream s = (CUstream)h;
		if (s->capturing)
			any = s->invalid = true;
	}
	return any;
}

EXPORT CUresult cuStreamCreate(CUstream *s, unsigned) {
	BEGIN;
	if (int code = fails(POINT_STREAM))
		return code;
	*s = keep(KIND_STREAM, new CUstream_st());
	return OK;
}

EXPORT CUresult cuStreamDestroy_v2(CUstream s) {
	BEGIN;
	if (!known(KIND_STREAM, s))
		return INVALID_HANDLE;
	int code = drain(s);
	drop(KIND_STREAM, s);
	return code;
}

EXPORT CUresult cuStreamSynchronize(CUstream s) {
	BEGIN;
	if (!known(KIND_STREAM, s))
		return INVALID_HANDLE;
	if (s->capturing) {
		s->invalid = true;
		return CAPTURE_UNSUPPORTED;
	}
	if (int code = fails(POINT_SYNC))
		return code;
	return drain(s);
}

EXPORT CUresult cuEventCreate(CUevent *e, unsigned flags) {
	BEGIN;
	if (int code = fails(POINT_EVENT))
		return code;
	*e = keep(KIND_EVENT, new CUevent_st());
	(*e)->timed = !(flags & 2);
	return OK;
}

EXPORT CUresult cuEventDestroy_v2(CUevent e) {
	BEGIN;
	return drop(KIND_EVENT, e) ? OK : INVALID_HANDLE;
}

// A capture with events in it is refused: nothing here needs one.
EXPORT CUresult cuEventRecord(CUevent e, CUstream s) {
	BEGIN;
	if (!known(KIND_EVENT, e))
		return INVALID_HANDLE;
	if (int code = stream_ready(s))
		return code;
	if (s->capturing) {
		s->invalid = true;
		return CAPTURE_UNSUPPORTED;
	}
	static unsigned long long records;
	unsigned long long record = ++records;
	e->stream = s, e->recorded = true, e->done = false, e->record = record;
	return enqueue(s, {Op::EVENT, "", nullptr, [=]() -> int {
		if (known(KIND_EVENT, e) && e->record == record)
			e->done = true, e->at = seconds();
		return OK;
	}});
}

EXPORT CUresult cuEventSynchronize(CUevent e) {
	BEGIN;
	if (!known(KIND_EVENT, e))
		return INVALID_HANDLE;
	if (refuse_in_capture())
		return CAPTURE_UNSUPPORTED;
	if (int code = fails(POINT_SYNC))
		return code;
	if (!e->recorded)
		return OK;
	while (!e->done && !sim.fault && !e->stream->queue.empty()) {
		Op op = std::move(e->stream->queue.front());
		e->stream->queue.pop_front();
		op.run();
	}
	return sim.fault;
}

EXPORT CUresult cuEventElapsedTime(float *ms, CUevent from, CUevent to) {
	BEGIN;
	if (!known(KIND_EVENT, from) || !known(KIND_EVENT, to) || !from->timed || !to->timed || !from->recorded || !to->recorded)
		return INVALID_HANDLE;
	if (!from->done || !to->done)
		return NOT_READY;
	*ms = (float)((to->at - from->at) * 1e3);
	return OK;
}

void clear_streams() {
	for (const void *h : sim.handles[KIND_STREAM])
		((CUstream)h)->queue.clear();
}
