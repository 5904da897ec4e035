// What Go calls: each function makes the device's context current on this
// thread, where it is not, calls one function of the table and returns its
// status. That spares one crossing between Go and C for each call.
#ifndef TILLER_CUDA_DEVICE_H
#define TILLER_CUDA_DEVICE_H

#include "api.h"

typedef struct {
	const cuda_table *api;
	uint64_t id; // of no other device in this process's life
	CUdevice ordinal;
	CUcontext context;
	CUstream stream;
	cublasHandle_t blas;
	cudnnHandle_t dnn;
} cuda_device;

// cuda_kernel is one launch. Parameter i lies at arguments + offsets[i].
typedef struct {
	CUfunction function;
	unsigned grid[3], block[3], shared;
	int cooperative, parameters;
	uint64_t arguments[128];
	uint8_t offsets[64]; // in units of 8 bytes
} cuda_kernel;

// cuda_product is one call of cublasGemmStridedBatchedEx, column-major.
typedef struct {
	int transa, transb, m, n, k;
	CUdeviceptr a, b, c;
	int atype, btype, ctype, lda, ldb, ldc;
	long long stridea, strideb, stridec;
	int batch, compute;
	double alpha, beta; // given in the type that compute asks for
} cuda_product;

// Without a context:
CUresult cuda_init(const cuda_table *t);
CUresult cuda_count(const cuda_table *t, int *n);
CUresult cuda_device_of(const cuda_table *t, CUdevice *d, int ordinal);
CUresult cuda_describe(const cuda_device *d, char *name, int len, size_t *total);
CUresult cuda_device_attribute(const cuda_device *d, int *value, int attribute);
const char *cuda_text(const cuda_table *t, CUresult r);
const char *cuda_blas_text(const cuda_device *d, cublasStatus_t s);
const char *cuda_dnn_text(const cuda_device *d, cudnnStatus_t s);

CUresult cuda_enter(const cuda_device *d);
CUresult cuda_alloc(const cuda_device *d, CUdeviceptr *p, size_t bytes);
CUresult cuda_free(const cuda_device *d, CUdeviceptr p);
CUresult cuda_host_alloc(const cuda_device *d, void **p, size_t bytes);
CUresult cuda_host_free(const cuda_device *d, void *p);
CUresult cuda_to_device(const cuda_device *d, CUdeviceptr dst, const void *src, size_t bytes);
CUresult cuda_to_host(const cuda_device *d, void *dst, CUdeviceptr src, size_t bytes);
CUresult cuda_within(const cuda_device *d, CUdeviceptr dst, CUdeviceptr src, size_t bytes);
CUresult cuda_set8(const cuda_device *d, CUdeviceptr p, unsigned char v, size_t n);
CUresult cuda_set32(const cuda_device *d, CUdeviceptr p, unsigned v, size_t n);
CUresult cuda_sync(const cuda_device *d);
CUresult cuda_memory(const cuda_device *d, size_t *free, size_t *total);
CUresult cuda_module(const cuda_device *d, CUmodule *m, const void *image);
CUresult cuda_unload(const cuda_device *d, CUmodule m);
CUresult cuda_function(const cuda_device *d, CUfunction *f, CUmodule m, const char *name);
CUresult cuda_attribute(const cuda_device *d, CUfunction f, int attribute, int value);
CUresult cuda_occupancy(const cuda_device *d, int *blocks, CUfunction f, int threads, size_t shared);
CUresult cuda_launch(const cuda_device *d, cuda_kernel *k);
CUresult cuda_event(const cuda_device *d, CUevent *e, unsigned flags);
CUresult cuda_event_destroy(const cuda_device *d, CUevent e);
CUresult cuda_record(const cuda_device *d, CUevent e);
CUresult cuda_wait(const cuda_device *d, CUevent e);
CUresult cuda_elapsed(const cuda_device *d, float *ms, CUevent from, CUevent to);
CUresult cuda_capture(const cuda_device *d);
CUresult cuda_captured(const cuda_device *d, CUgraph *g);
CUresult cuda_instantiate(const cuda_device *d, CUgraphExec *x, CUgraph g);
CUresult cuda_update(const cuda_device *d, CUgraphExec x, CUgraph g);
CUresult cuda_run(const cuda_device *d, CUgraphExec x);
void cuda_graph_destroy(const cuda_device *d, CUgraph g, CUgraphExec x);
cublasStatus_t cuda_workspace(const cuda_device *d, CUdeviceptr p, size_t bytes);
cublasStatus_t cuda_multiply(const cuda_device *d, const cuda_product *p);

// cuda_start retains the primary context and makes the stream and the cuBLAS
// handle; *call names the function that failed. cuda_stop undoes what it did.
int cuda_start(cuda_device *d, const char **call);
CUresult cuda_stop(cuda_device *d);

#endif
