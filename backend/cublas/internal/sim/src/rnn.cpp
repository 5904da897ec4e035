// cuDNN's LSTM: checks of its calls, and the reserve space, which begins with a
// header that tells what was done with it.
#include "dnn.h"

#include <string.h>

struct Header {
	unsigned long long stage, sum;
	unsigned long long sizes[4];
	unsigned long long unused[2];
};

// Stages: which pass came last.
enum { FORWARD = 0x5353a1, BACKWARD };

static unsigned long long checksum(const float *p, size_t n) {
	unsigned long long h = 0xcbf29ce484222325ull;
	for (size_t i = 0; i < n; i++) {
		unsigned u;
		memcpy(&u, p + i, sizeof u);
		h = (h ^ u) * 0x100000001b3ull;
	}
	return h;
}

static void mark(const Lstm &l, void *reserve, unsigned long long stage) {
	Header h = {stage, checksum((float *)((char *)reserve + sizeof(Header)), l.reserve()), {l.T, l.B, l.I, l.H}, {}};
	memcpy(reserve, &h, sizeof h);
}

// unmarked raises a fault where a reserve space is not as a pass left it.
static int unmarked(const Lstm &l, const void *reserve, unsigned long long stage, const char *what) {
	Header h;
	memcpy(&h, reserve, sizeof h);
	unsigned long long sizes[4] = {l.T, l.B, l.I, l.H};
	if (h.stage != stage || memcmp(h.sizes, sizes, sizeof sizes))
		return raise(LAUNCH_FAILED, what);
	if (h.sum != checksum((const float *)((const char *)reserve + sizeof h), l.reserve()))
		return raise(LAUNCH_FAILED, "cuDNN's reserve space was written to between the passes");
	return 0;
}

static size_t reserve_bytes(const Lstm &l) { return sizeof(Header) + l.reserve() * sizeof(float); }
static size_t work_bytes(const Lstm &l) { return l.gates() * sizeof(float); }

EXPORT cudnnStatus_t cudnnGetRNNWeightSpaceSize(cudnnHandle_t h, cudnnRNNDescriptor_t d, size_t *bytes) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!known(KIND_DNN, h) || !ready(rnns, d))
		return DNN_BAD_PARAM;
	*bytes = Lstm{0, 0, d->inputs, d->hidden}.weights() * sizeof(float);
	return DNN_OK;
}

EXPORT cudnnStatus_t cudnnGetRNNTempSpaceSizes(cudnnHandle_t h, cudnnRNNDescriptor_t d, int training, cudnnRNNDataDescriptor_t x, size_t *work, size_t *reserve) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!known(KIND_DNN, h) || !ready(rnns, d) || !ready(datas, x) || x->width != d->inputs || !d->padded)
		return DNN_BAD_PARAM;
	Lstm l = {x->steps, x->batch, d->inputs, d->hidden};
	*work = work_bytes(l);
	if (reserve)
		*reserve = training ? reserve_bytes(l) : 0;
	return DNN_OK;
}

static void describe(cudnnTensorDescriptor_t d, size_t rows, size_t columns) {
	*d = {true, DNN_FLOAT, {1, (int)rows, (int)columns}, {(int)(rows * columns), (int)columns, 1}};
}

EXPORT cudnnStatus_t cudnnGetRNNWeightParams(cudnnHandle_t h, cudnnRNNDescriptor_t d, int32_t layer, size_t bytes, const void *space, int32_t id, cudnnTensorDescriptor_t matrix, void **at, cudnnTensorDescriptor_t bias, void **bias_at) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!known(KIND_DNN, h) || !ready(rnns, d) || layer != 0 || id < 0 || id > 7 || !tensors.count(matrix) || !tensors.count(bias))
		return DNN_BAD_PARAM;
	Lstm l = {0, 0, d->inputs, d->hidden};
	if (bytes < l.weights() * sizeof(float))
		return DNN_BAD_PARAM;
	size_t gate = (size_t)id % 4, columns = id < 4 ? l.I : l.H;
	float *base = (float *)space;
	*at = base + (id < 4 ? 0 : l.r()) + gate * l.H * columns;
	*bias_at = base + (id < 4 ? l.bw() : l.br()) + gate * l.H;
	describe(matrix, l.H, columns);
	describe(bias, l.H, 1);
	return DNN_OK;
}

// is_state tells whether a descriptor is that of a (1, B, H) state.
static bool is_state(cudnnTensorDescriptor_t d, const Lstm &l) {
	std::vector<int> dims = {1, (int)l.B, (int)l.H}, strides = {(int)(l.B * l.H), (int)l.H, 1};
	return ready(tensors, d) && d->type == DNN_FLOAT && d->dims == dims && d->strides == strides;
}

// Pass is what the three passes have in common.
struct Pass {
	Lstm l;
	size_t weight_bytes, work_bytes, reserve_bytes;
	void *work, *reserve;
};

static int check(Pass &p, cudnnHandle_t h, cudnnRNNDescriptor_t d, const int32_t *lengths, cudnnRNNDataDescriptor_t x, cudnnRNNDataDescriptor_t y, bool training) {
	if (!known(KIND_DNN, h))
		return DNN_NOT_INITIALIZED;
	if (sim.fault)
		return DNN_EXECUTION_FAILED;
	if (int code = fails(POINT_LSTM))
		return code;
	if (!ready(rnns, d) || !ready(datas, x) || !ready(datas, y))
		return DNN_BAD_PARAM;
	if (x->width != d->inputs || y->width != d->hidden || x->steps != y->steps || x->batch != y->batch || !d->padded)
		return DNN_BAD_PARAM;
	if (lengths)
		return DNN_NOT_SUPPORTED;
	p.l = {x->steps, x->batch, d->inputs, d->hidden};
	if (p.weight_bytes < p.l.weights() * sizeof(float) || p.work_bytes < ::work_bytes(p.l) || !p.work)
		return DNN_BAD_PARAM;
	if (training && (p.reserve_bytes < ::reserve_bytes(p.l) || !p.reserve))
		return DNN_BAD_PARAM;
	return DNN_OK;
}

// Range is device memory that a pass uses: floats, which null may stand for.
struct Range {
	const void *p;
	size_t floats;
};

static int queue(cudnnHandle_t h, const char *name, const Pass &p, bool training, std::vector<Range> ranges, std::function<int()> run) {
	std::string form = text("%s %zu %zu %zu %zu", name, p.l.T, p.l.B, p.l.I, p.l.H);
	ranges.push_back({p.work, p.work_bytes / sizeof(float)});
	if (training)
		ranges.push_back({p.reserve, p.reserve_bytes / sizeof(float)});
	auto checked = [=]() -> int {
		for (const Range &r : ranges)
			if (r.p && !in_device(r.p, r.floats * sizeof(float)))
				return raise(ILLEGAL_ADDRESS, text("%s uses %zu floats outside a block of memory", name, r.floats));
		memset(p.work, 0xff, p.work_bytes);
		return run();
	};
	return enqueue(h->stream, {Op::LSTM, form, nullptr, checked}) ? DNN_EXECUTION_FAILED : DNN_OK;
}

static float *body(void *reserve) { return (float *)((char *)reserve + sizeof(Header)); }

static void forward(const Pass &p, bool training, const float *x, const float *hx, const float *cx, const float *w, float *y, float *hy, float *cy) {
	const Lstm &l = p.l;
	std::vector<float> scratch(training ? 0 : l.reserve());
	float *gates = training ? body(p.reserve) : scratch.data(), *cells = gates + l.gates();
	lstm_forward(l, x, hx, cx, w, y, gates, cells);
	size_t state = l.B * l.H, last = (l.T - 1) * state;
	if (hy)
		memcpy(hy, y + last, state * sizeof(float));
	if (cy)
		memcpy(cy, cells + last, state * sizeof(float));
	if (training)
		mark(l, p.reserve, FORWARD);
}

EXPORT cudnnStatus_t cudnnRNNForward(cudnnHandle_t h, cudnnRNNDescriptor_t d, int training, const int32_t *lengths, cudnnRNNDataDescriptor_t xd, const void *x, cudnnRNNDataDescriptor_t yd, void *y, cudnnTensorDescriptor_t hd, const void *hx, void *hy, cudnnTensorDescriptor_t cd, const void *cx, void *cy, size_t weight_bytes, const void *weights, size_t work_bytes, void *work, size_t reserve_bytes, void *reserve) {
	Call call;
	Pass p = {{}, weight_bytes, work_bytes, reserve_bytes, work, reserve};
	if (int code = check(p, h, d, lengths, xd, yd, training))
		return code;
	if (!x || !y || !weights || !is_state(hd, p.l) || !is_state(cd, p.l))
		return DNN_BAD_PARAM;
	const Lstm &l = p.l;
	size_t state = l.B * l.H;
	std::vector<Range> ranges = {{x, l.T * l.B * l.I}, {y, l.T * state}, {hx, state}, {hy, state}, {cx, state}, {cy, state}, {weights, l.weights()}};
	return queue(h, training ? "cudnnRNNForward training" : "cudnnRNNForward", p, training, ranges, [=]() {
		forward(p, training, (const float *)x, (const float *)hx, (const float *)cx, (const float *)weights, (float *)y, (float *)hy, (float *)cy);
		return OK;
	});
}

EXPORT cudnnStatus_t cudnnRNNBackwardData_v8(cudnnHandle_t h, cudnnRNNDescriptor_t d, const int32_t *lengths, cudnnRNNDataDescriptor_t yd, const void *y, const void *dy, cudnnRNNDataDescriptor_t xd, void *dx, cudnnTensorDescriptor_t hd, const void *hx, const void *dhy, void *dhx, cudnnTensorDescriptor_t cd, const void *cx, const void *dcy, void *dcx, size_t weight_bytes, const void *weights, size_t work_bytes, void *work, size_t reserve_bytes, void *reserve) {
	Call call;
	Pass p = {{}, weight_bytes, work_bytes, reserve_bytes, work, reserve};
	if (int code = check(p, h, d, lengths, xd, yd, true))
		return code;
	if (!y || !dy || !dx || !weights || !is_state(hd, p.l) || !is_state(cd, p.l))
		return DNN_BAD_PARAM;
	const Lstm &l = p.l;
	size_t state = l.B * l.H;
	std::vector<Range> ranges = {{y, l.T * state}, {dy, l.T * state}, {dx, l.T * l.B * l.I}, {hx, state}, {dhy, state}, {dhx, state}, {cx, state}, {dcy, state}, {dcx, state}, {weights, l.weights()}};
	return queue(h, "cudnnRNNBackwardData_v8", p, true, ranges, [=]() -> int {
		if (int code = unmarked(p.l, reserve, FORWARD, "cudnnRNNBackwardData_v8 does not follow a training cudnnRNNForward of these sizes"))
			return code;
		float *gates = body(reserve);
		lstm_backward_data(p.l, (const float *)dy, (const float *)cx, (const float *)dhy, (const float *)dcy, (const float *)weights, (float *)dx, (float *)dhx, (float *)dcx, gates, gates + p.l.gates());
		mark(p.l, reserve, BACKWARD);
		return OK;
	});
}

EXPORT cudnnStatus_t cudnnRNNBackwardWeights_v8(cudnnHandle_t h, cudnnRNNDescriptor_t d, int mode, const int32_t *lengths, cudnnRNNDataDescriptor_t xd, const void *x, cudnnTensorDescriptor_t hd, const void *hx, cudnnRNNDataDescriptor_t yd, const void *y, size_t weight_bytes, void *dweights, size_t work_bytes, void *work, size_t reserve_bytes, void *reserve) {
	Call call;
	Pass p = {{}, weight_bytes, work_bytes, reserve_bytes, work, reserve};
	if (int code = check(p, h, d, lengths, xd, yd, true))
		return code;
	if (mode != 0)
		return DNN_NOT_SUPPORTED;
	if (!x || !y || !dweights || !is_state(hd, p.l))
		return DNN_BAD_PARAM;
	const Lstm &l = p.l;
	size_t state = l.B * l.H;
	std::vector<Range> ranges = {{x, l.T * l.B * l.I}, {y, l.T * state}, {hx, state}, {dweights, l.weights()}};
	return queue(h, "cudnnRNNBackwardWeights_v8", p, true, ranges, [=]() -> int {
		if (int code = unmarked(p.l, reserve, BACKWARD, "cudnnRNNBackwardWeights_v8 does not follow cudnnRNNBackwardData_v8"))
			return code;
		lstm_backward_weights(p.l, (const float *)x, (const float *)hx, (const float *)y, body(reserve), (float *)dweights);
		return OK;
	});
}
