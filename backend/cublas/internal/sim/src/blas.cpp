// cuBLAS: handles, and the checks of the one product in use. See product.cpp.
#include "product.h"
#include "sim.h"

#include <algorithm>

enum {
	BLAS_OK = 0,
	BLAS_NOT_INITIALIZED = 1,
	BLAS_INVALID_VALUE = 7,
	BLAS_EXECUTION_FAILED = 13,
	BLAS_NOT_SUPPORTED = 15,
};

struct cublasHandle_st {
	CUstream stream;
	int math;
};

enum { DISALLOW_REDUCED_PRECISION_REDUCTION = 16 };

EXPORT cublasStatus_t cublasCreate_v2(cublasHandle_t *h) {
	Call call;
	if (call.status)
		return BLAS_NOT_INITIALIZED;
	if (int code = fails(POINT_BLAS_CREATE))
		return code;
	*h = keep(KIND_BLAS, new cublasHandle_st());
	return BLAS_OK;
}

EXPORT cublasStatus_t cublasDestroy_v2(cublasHandle_t h) {
	std::lock_guard<std::mutex> lock(sim.mu);
	return drop(KIND_BLAS, h) ? BLAS_OK : BLAS_NOT_INITIALIZED;
}

EXPORT cublasStatus_t cublasGetVersion_v2(cublasHandle_t, int *version) {
	*version = 130000;
	return BLAS_OK;
}

// The loader asks for it by name, to tell the version.
EXPORT cublasStatus_t cublasGetProperty(int part, int *value) {
	*value = part == 0 ? 13 : 0;
	return BLAS_OK;
}

EXPORT cublasStatus_t cublasSetStream_v2(cublasHandle_t h, CUstream s) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!known(KIND_BLAS, h))
		return BLAS_NOT_INITIALIZED;
	h->stream = s;
	return BLAS_OK;
}

EXPORT cublasStatus_t cublasSetMathMode(cublasHandle_t h, int mode) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!known(KIND_BLAS, h))
		return BLAS_NOT_INITIALIZED;
	h->math = mode;
	return BLAS_OK;
}

EXPORT cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t h, void *p, size_t bytes) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!known(KIND_BLAS, h))
		return BLAS_NOT_INITIALIZED;
	return in_device(p, bytes) ? BLAS_OK : BLAS_INVALID_VALUE;
}

// supported tells whether a way to compute has these types, and sets p's.
static bool supported(Product &p, int a, int b, int c, int compute) {
	p.a.type = a, p.b.type = b, p.c.type = c;
	p.tf32 = compute == COMPUTE_32F_FAST_TF32;
	switch (compute) {
	case COMPUTE_64F:
		return a == R_64F && b == R_64F && c == R_64F;
	case COMPUTE_32F_FAST_TF32:
		return a == R_32F && b == R_32F && c == R_32F;
	case COMPUTE_32F:
		return (a == R_32F && b == R_32F && c == R_32F) || (a == R_16BF && b == R_16BF && (c == R_16BF || c == R_32F));
	}
	return false;
}

// reachable tells whether a matrix lies in one block of device memory.
static bool reachable(const Factor &f, size_t rows, size_t columns, int batch) {
	if (!rows || !columns || !batch)
		return true;
	long long first = std::min(0ll, f.stride * (batch - 1)), last = std::max(0ll, f.stride * (batch - 1));
	long long size = (long long)size_of(f.type), extent = last - first + (long long)(columns - 1) * f.ld + (long long)rows;
	return in_device((const char *)f.at + first * size, (size_t)(extent * size));
}

static int run_product(const Product &p) {
	bool reads = p.alpha != 0 && p.k > 0;
	if (reads && !(reachable(p.a, p.transa ? p.k : p.m, p.transa ? p.m : p.k, p.batch) && reachable(p.b, p.transb ? p.n : p.k, p.transb ? p.k : p.n, p.batch)))
		return raise(ILLEGAL_ADDRESS, "a product reads outside a block of memory");
	if (!reachable(p.c, p.m, p.n, p.batch))
		return raise(ILLEGAL_ADDRESS, "a product writes outside a block of memory");
	multiply(p);
	return OK;
}

EXPORT cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t h, int transa, int transb, int m, int n, int k, const void *alpha, const void *a, int atype, int lda, long long stridea, const void *b, int btype, int ldb, long long strideb, const void *beta, void *c, int ctype, int ldc, long long stridec, int batch, int compute, int) {
	Call call;
	if (!known(KIND_BLAS, h))
		return BLAS_NOT_INITIALIZED;
	if (call.status)
		return BLAS_EXECUTION_FAILED;
	if (int code = fails(POINT_PRODUCT))
		return code;
	bool bad = m < 0 || n < 0 || k < 0 || batch < 0 || transa < 0 || transa > 1 || transb < 0 || transb > 1 || !alpha || !beta;
	if (bad || lda < std::max(1, transa ? k : m) || ldb < std::max(1, transb ? n : k) || ldc < std::max(1, m))
		return BLAS_INVALID_VALUE;
	Product p = {};
	if (!supported(p, atype, btype, ctype, compute))
		return BLAS_NOT_SUPPORTED;
	// The real library does it, and may then add up in bfloat16, which is not wanted.
	if (ctype == R_16BF && !(h->math & DISALLOW_REDUCED_PRECISION_REDUCTION))
		return BLAS_NOT_SUPPORTED;
	p.transa = transa, p.transb = transb;
	p.m = (size_t)m, p.n = (size_t)n, p.k = (size_t)k, p.batch = batch;
	p.a.at = (void *)a, p.a.ld = lda, p.a.stride = stridea;
	p.b.at = (void *)b, p.b.ld = ldb, p.b.stride = strideb;
	p.c.at = c, p.c.ld = ldc, p.c.stride = stridec;
	p.alpha = compute == COMPUTE_64F ? *(const double *)alpha : *(const float *)alpha;
	p.beta = compute == COMPUTE_64F ? *(const double *)beta : *(const float *)beta;
	if (!m || !n || !batch)
		return BLAS_OK;
	std::string form = text("%d%d %d %d %d %d %d%d%d %d", transa, transb, m, n, k, batch, atype, btype, ctype, compute);
	return enqueue(h->stream, {Op::PRODUCT, form, nullptr, [p]() { return run_product(p); }}) ? BLAS_EXECUTION_FAILED : BLAS_OK;
}

EXPORT const char *cublasGetStatusString(cublasStatus_t s) {
	switch (s) {
	case BLAS_OK:
		return "CUBLAS_STATUS_SUCCESS";
	case BLAS_NOT_INITIALIZED:
		return "CUBLAS_STATUS_NOT_INITIALIZED";
	case BLAS_INVALID_VALUE:
		return "CUBLAS_STATUS_INVALID_VALUE";
	case BLAS_EXECUTION_FAILED:
		return "CUBLAS_STATUS_EXECUTION_FAILED";
	case BLAS_NOT_SUPPORTED:
		return "CUBLAS_STATUS_NOT_SUPPORTED";
	}
	return "CUBLAS_STATUS unknown";
}

void free_blas() {
	while (!sim.handles[KIND_BLAS].empty())
		drop(KIND_BLAS, (cublasHandle_t)*sim.handles[KIND_BLAS].begin());
}
