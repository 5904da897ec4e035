//go:build linux

#include "device.h"

CUresult cuda_init(const cuda_table *t) { return t->cuInit(0); }
CUresult cuda_count(const cuda_table *t, int *n) { return t->cuDeviceGetCount(n); }
CUresult cuda_device_of(const cuda_table *t, CUdevice *d, int ordinal) { return t->cuDeviceGet(d, ordinal); }

CUresult cuda_describe(const cuda_device *d, char *name, int len, size_t *total) {
	CUresult r = d->api->cuDeviceGetName(name, len, d->ordinal);
	return r ? r : d->api->cuDeviceTotalMem_v2(total, d->ordinal);
}

CUresult cuda_device_attribute(const cuda_device *d, int *value, int attribute) {
	return d->api->cuDeviceGetAttribute(value, attribute, d->ordinal);
}

const char *cuda_text(const cuda_table *t, CUresult r) {
	const char *text;
	return t->cuGetErrorString(r, &text) ? "unknown error" : text;
}

const char *cuda_blas_text(const cuda_device *d, cublasStatus_t s) { return d->api->cublasGetStatusString(s); }
const char *cuda_dnn_text(const cuda_device *d, cudnnStatus_t s) { return d->api->cudnnGetErrorString(s); }

// The id of the device whose context is current on this thread.
static __thread uint64_t current;

CUresult cuda_enter(const cuda_device *d) {
	if (current == d->id)
		return 0;
	CUresult r = d->api->cuCtxSetCurrent(d->context);
	if (r == 0)
		current = d->id;
	return r;
}

#define IN(call) \
	CUresult entered = cuda_enter(d); \
	return entered ? entered : d->api->call

CUresult cuda_alloc(const cuda_device *d, CUdeviceptr *p, size_t bytes) { IN(cuMemAlloc_v2(p, bytes)); }
CUresult cuda_free(const cuda_device *d, CUdeviceptr p) { IN(cuMemFree_v2(p)); }
CUresult cuda_host_alloc(const cuda_device *d, void **p, size_t bytes) { IN(cuMemHostAlloc(p, bytes, 0)); }
CUresult cuda_host_free(const cuda_device *d, void *p) { IN(cuMemFreeHost(p)); }

CUresult cuda_to_device(const cuda_device *d, CUdeviceptr dst, const void *src, size_t bytes) {
	IN(cuMemcpyHtoDAsync_v2(dst, src, bytes, d->stream));
}

CUresult cuda_to_host(const cuda_device *d, void *dst, CUdeviceptr src, size_t bytes) {
	IN(cuMemcpyDtoHAsync_v2(dst, src, bytes, d->stream));
}

CUresult cuda_within(const cuda_device *d, CUdeviceptr dst, CUdeviceptr src, size_t bytes) {
	IN(cuMemcpyDtoDAsync_v2(dst, src, bytes, d->stream));
}

CUresult cuda_set8(const cuda_device *d, CUdeviceptr p, unsigned char v, size_t n) {
	IN(cuMemsetD8Async(p, v, n, d->stream));
}

CUresult cuda_set32(const cuda_device *d, CUdeviceptr p, unsigned v, size_t n) {
	IN(cuMemsetD32Async(p, v, n, d->stream));
}

CUresult cuda_sync(const cuda_device *d) { IN(cuStreamSynchronize(d->stream)); }
CUresult cuda_memory(const cuda_device *d, size_t *free, size_t *total) { IN(cuMemGetInfo_v2(free, total)); }
CUresult cuda_module(const cuda_device *d, CUmodule *m, const void *image) { IN(cuModuleLoadData(m, image)); }
CUresult cuda_unload(const cuda_device *d, CUmodule m) { IN(cuModuleUnload(m)); }

CUresult cuda_function(const cuda_device *d, CUfunction *f, CUmodule m, const char *name) {
	IN(cuModuleGetFunction(f, m, name));
}

CUresult cuda_attribute(const cuda_device *d, CUfunction f, int attribute, int value) {
	IN(cuFuncSetAttribute(f, attribute, value));
}

CUresult cuda_occupancy(const cuda_device *d, int *blocks, CUfunction f, int threads, size_t shared) {
	IN(cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, f, threads, shared));
}

CUresult cuda_launch(const cuda_device *d, cuda_kernel *k) {
	CUresult r = cuda_enter(d);
	if (r)
		return r;
	void *parameters[64];
	for (int i = 0; i < k->parameters; i++)
		parameters[i] = k->arguments + k->offsets[i];
	const unsigned *g = k->grid, *b = k->block;
	if (k->cooperative)
		return d->api->cuLaunchCooperativeKernel(k->function, g[0], g[1], g[2], b[0], b[1], b[2], k->shared, d->stream, parameters);
	return d->api->cuLaunchKernel(k->function, g[0], g[1], g[2], b[0], b[1], b[2], k->shared, d->stream, parameters, 0);
}

CUresult cuda_event(const cuda_device *d, CUevent *e, unsigned flags) { IN(cuEventCreate(e, flags)); }
CUresult cuda_event_destroy(const cuda_device *d, CUevent e) { IN(cuEventDestroy_v2(e)); }
CUresult cuda_record(const cuda_device *d, CUevent e) { IN(cuEventRecord(e, d->stream)); }
CUresult cuda_wait(const cuda_device *d, CUevent e) { IN(cuEventSynchronize(e)); }
CUresult cuda_elapsed(const cuda_device *d, float *ms, CUevent from, CUevent to) { IN(cuEventElapsedTime(ms, from, to)); }

// Capturing is relaxed: a goroutine may begin it on one thread and end it on
// another, which the other modes refuse.
enum { CAPTURE_RELAXED = 2 };

CUresult cuda_capture(const cuda_device *d) { IN(cuStreamBeginCapture_v2(d->stream, CAPTURE_RELAXED)); }
CUresult cuda_captured(const cuda_device *d, CUgraph *g) { IN(cuStreamEndCapture(d->stream, g)); }
CUresult cuda_instantiate(const cuda_device *d, CUgraphExec *x, CUgraph g) { IN(cuGraphInstantiateWithFlags(x, g, 0)); }

CUresult cuda_update(const cuda_device *d, CUgraphExec x, CUgraph g) {
	CUgraphExecUpdateResultInfo info;
	IN(cuGraphExecUpdate_v2(x, g, &info));
}

CUresult cuda_run(const cuda_device *d, CUgraphExec x) { IN(cuGraphLaunch(x, d->stream)); }

void cuda_graph_destroy(const cuda_device *d, CUgraph g, CUgraphExec x) {
	if (cuda_enter(d))
		return;
	if (x)
		d->api->cuGraphExecDestroy(x);
	if (g)
		d->api->cuGraphDestroy(g);
}

cublasStatus_t cuda_workspace(const cuda_device *d, CUdeviceptr p, size_t bytes) {
	CUresult r = cuda_enter(d);
	return r ? 1 : d->api->cublasSetWorkspace_v2(d->blas, (void *)p, bytes);
}

enum { COMPUTE_64F = 70, ALGO_DEFAULT = -1 };

cublasStatus_t cuda_multiply(const cuda_device *d, const cuda_product *p) {
	CUresult r = cuda_enter(d);
	if (r)
		return 1; // not initialized
	float narrow[2] = {(float)p->alpha, (float)p->beta};
	const void *alpha = &p->alpha, *beta = &p->beta;
	if (p->compute != COMPUTE_64F)
		alpha = narrow, beta = narrow + 1;
	return d->api->cublasGemmStridedBatchedEx(d->blas, p->transa, p->transb, p->m, p->n, p->k,
		alpha, (const void *)p->a, p->atype, p->lda, p->stridea,
		(const void *)p->b, p->btype, p->ldb, p->strideb,
		beta, (void *)p->c, p->ctype, p->ldc, p->stridec, p->batch, p->compute, ALGO_DEFAULT);
}

enum { STREAM_NON_BLOCKING = 1, NO_REDUCED_PRECISION_REDUCTION = 16 };

static uint64_t devices;

int cuda_start(cuda_device *d, const char **call) {
	const cuda_table *api = d->api;
	CUresult r;
	*call = "cuDevicePrimaryCtxRetain";
	if ((r = api->cuDevicePrimaryCtxRetain(&d->context, d->ordinal)))
		return r;
	d->id = __atomic_add_fetch(&devices, 1, __ATOMIC_RELAXED);
	*call = "cuCtxSetCurrent";
	if ((r = cuda_enter(d)))
		return r;
	*call = "cuStreamCreate";
	if ((r = api->cuStreamCreate(&d->stream, STREAM_NON_BLOCKING)))
		return r;
	*call = "cublasCreate_v2";
	if ((r = api->cublasCreate_v2(&d->blas)))
		return r;
	*call = "cublasSetStream_v2";
	if ((r = api->cublasSetStream_v2(d->blas, d->stream)))
		return r;
	// Else sums that are split over blocks may be added up in bfloat16.
	*call = "cublasSetMathMode";
	if ((r = api->cublasSetMathMode(d->blas, NO_REDUCED_PRECISION_REDUCTION)))
		return r;
	if (!api->cudnn)
		return 0;
	*call = "cudnnCreate";
	if ((r = api->cudnnCreate(&d->dnn)))
		return r;
	*call = "cudnnSetStream";
	return api->cudnnSetStream(d->dnn, d->stream);
}

CUresult cuda_stop(cuda_device *d) {
	const cuda_table *api = d->api;
	CUresult first = 0, r;
	if (!d->context)
		return 0;
	cuda_enter(d);
	if (d->dnn)
		api->cudnnDestroy(d->dnn);
	if (d->blas)
		api->cublasDestroy_v2(d->blas);
	if (d->stream)
		first = api->cuStreamDestroy_v2(d->stream);
	r = api->cuDevicePrimaryCtxRelease_v2(d->ordinal);
	current = 0;
	return first ? first : r;
}
