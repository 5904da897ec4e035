// Capturing the work of a stream, and running it again.
#include "sim.h"

#include <pthread.h>

struct CUgraph_st {
	std::shared_ptr<const Ops> ops;
};

struct CUgraphExec_st {
	std::shared_ptr<const Ops> ops;
};

enum { MODE_RELAXED = 2 };

EXPORT CUresult cuStreamBeginCapture_v2(CUstream s, int mode) {
	BEGIN;
	if (!known(KIND_STREAM, s))
		return INVALID_HANDLE;
	if (mode < 0 || mode > MODE_RELAXED)
		return INVALID_VALUE;
	if (s->capturing)
		return ILLEGAL_STATE;
	if (int code = fails(POINT_CAPTURE))
		return code;
	s->capturing = true, s->invalid = false;
	s->mode = mode;
	s->thread = (unsigned long)pthread_self();
	s->captured.clear();
	return OK;
}

EXPORT CUresult cuStreamEndCapture(CUstream s, CUgraph *g) {
	BEGIN;
	*g = nullptr;
	if (!known(KIND_STREAM, s))
		return INVALID_HANDLE;
	if (!s->capturing)
		return ILLEGAL_STATE;
	if (s->mode != MODE_RELAXED && s->thread != (unsigned long)pthread_self())
		return CAPTURE_WRONG_THREAD;
	s->capturing = false;
	Ops ops;
	ops.swap(s->captured);
	if (s->invalid)
		return CAPTURE_INVALIDATED;
	*g = keep(KIND_GRAPH, new CUgraph_st{std::make_shared<const Ops>(std::move(ops))});
	return OK;
}

EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec *x, CUgraph g, unsigned long long flags) {
	BEGIN;
	if (!known(KIND_GRAPH, g))
		return INVALID_HANDLE;
	if (flags)
		return NOT_SUPPORTED;
	if (int code = fails(POINT_INSTANTIATE))
		return code;
	*x = keep(KIND_EXECUTABLE, new CUgraphExec_st{g->ops});
	return OK;
}

enum { UPDATE_TOPOLOGY = 2, UPDATE_NODE_TYPE = 3, UPDATE_FUNCTION = 4, UPDATE_PARAMETERS = 5 };

static int difference(const Ops &a, const Ops &b) {
	if (a.size() != b.size())
		return UPDATE_TOPOLOGY;
	for (size_t i = 0; i < a.size(); i++) {
		if (a[i].type != b[i].type)
			return UPDATE_NODE_TYPE;
		if (a[i].form != b[i].form)
			return a[i].type == Op::LAUNCH ? UPDATE_FUNCTION : UPDATE_PARAMETERS;
	}
	return 0;
}

EXPORT CUresult cuGraphExecUpdate_v2(CUgraphExec x, CUgraph g, CUgraphExecUpdateResultInfo *info) {
	BEGIN;
	if (!known(KIND_EXECUTABLE, x) || !known(KIND_GRAPH, g))
		return INVALID_HANDLE;
	*info = {difference(*x->ops, *g->ops), nullptr, nullptr};
	if (info->result)
		return GRAPH_UPDATE_FAILURE;
	x->ops = g->ops;
	return OK;
}

EXPORT CUresult cuGraphLaunch(CUgraphExec x, CUstream s) {
	BEGIN;
	if (!known(KIND_EXECUTABLE, x))
		return INVALID_HANDLE;
	if (int code = stream_ready(s))
		return code;
	if (s->capturing) {
		s->invalid = true;
		return CAPTURE_UNSUPPORTED;
	}
	if (int code = fails(POINT_GRAPH_LAUNCH))
		return code;
	std::shared_ptr<const Ops> ops = x->ops; // as it is now: an update is for later launches
	return enqueue(s, {Op::GRAPH, "", nullptr, [ops]() -> int {
		for (const Op &op : *ops)
			if (int code = op.run())
				return code;
		return OK;
	}});
}

EXPORT CUresult cuGraphExecDestroy(CUgraphExec x) {
	BEGIN;
	return drop(KIND_EXECUTABLE, x) ? OK : INVALID_HANDLE;
}

EXPORT CUresult cuGraphDestroy(CUgraph g) {
	BEGIN;
	return drop(KIND_GRAPH, g) ? OK : INVALID_HANDLE;
}

void free_graphs() {
	while (!sim.handles[KIND_GRAPH].empty())
		drop(KIND_GRAPH, (CUgraph)*sim.handles[KIND_GRAPH].begin());
	while (!sim.handles[KIND_EXECUTABLE].empty())
		drop(KIND_EXECUTABLE, (CUgraphExec)*sim.handles[KIND_EXECUTABLE].begin());
}
