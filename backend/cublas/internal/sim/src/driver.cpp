// The driver's start, its one device and its errors.
#include "sim.h"

#include <algorithm>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static Sim *make() {
	Sim *s = new Sim();
	s->limit = 2ull << 30;
	return s;
}

Sim &sim = *make(); // never destroyed: Go's threads run until the process ends

static thread_local CUcontext current;

Call::Call() : lock(sim.mu) {
	status = !sim.initialized ? NOT_INITIALIZED : !current || current != sim.context ? INVALID_CONTEXT : sim.fault;
}

int fails(Point p) {
	auto &at = sim.points[p];
	at.calls++;
	return at.left && --at.left == 0 ? at.code : 0;
}

int raise(int code, const std::string &message) {
	if (!sim.fault) {
		sim.fault = code;
		sim.message = message;
	}
	return sim.fault;
}

std::string text(const char *format, ...) {
	char s[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(s, sizeof s, format, arguments);
	va_end(arguments);
	return s;
}

EXPORT CUresult cuInit(unsigned flags) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (flags)
		return INVALID_VALUE;
	sim.initialized = true;
	return OK;
}

EXPORT CUresult cuDriverGetVersion(int *version) {
	*version = 13000;
	return OK;
}

EXPORT CUresult cuDeviceGetCount(int *n) {
	if (!sim.initialized)
		return NOT_INITIALIZED;
	*n = 1;
	return OK;
}

EXPORT CUresult cuDeviceGet(CUdevice *d, int ordinal) {
	if (!sim.initialized)
		return NOT_INITIALIZED;
	if (ordinal != 0)
		return INVALID_DEVICE;
	*d = 0;
	return OK;
}

EXPORT CUresult cuDeviceGetName(char *name, int length, CUdevice d) {
	if (d != 0)
		return INVALID_DEVICE;
	snprintf(name, (size_t)length, "Simulated");
	return OK;
}

EXPORT CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice d) {
	if (d != 0)
		return INVALID_DEVICE;
	static const std::map<int, int> attributes = {
		{1, MAX_THREADS}, {8, (int)SHARED_DEFAULT}, {10, WARP_LANES}, {16, SMS}, {38, 32 << 20},
		{39, THREADS_PER_SM}, {75, CAPABILITY / 10}, {76, CAPABILITY % 10}, {81, (int)SHARED_PER_SM},
		{95, 1}, {97, (int)SHARED_OPTIN}, {106, BLOCKS_PER_SM}, {111, (int)SHARED_RESERVED}, {115, 0}};
	auto i = attributes.find(attribute);
	if (i == attributes.end())
		return INVALID_VALUE;
	*value = i->second;
	return OK;
}

EXPORT CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice d) {
	if (d != 0)
		return INVALID_DEVICE;
	*bytes = sim.limit;
	return OK;
}

EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice d) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!sim.initialized)
		return NOT_INITIALIZED;
	if (d != 0)
		return INVALID_DEVICE;
	if (sim.retained++ == 0)
		sim.context = keep(KIND_CONTEXT, new CUctx_st());
	*context = sim.context;
	return OK;
}

// A context that has failed takes all it held with it, and the next one is
// sound. What a sound one leaves stays, and is counted as live: a leak.
EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice d) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (d != 0)
		return INVALID_DEVICE;
	if (sim.retained == 0)
		return INVALID_CONTEXT;
	if (--sim.retained)
		return OK;
	drop(KIND_CONTEXT, sim.context);
	sim.context = nullptr;
	if (sim.fault) {
		free_all();
		free_handles();
		sim.fault = 0;
	}
	return OK;
}

EXPORT CUresult cuCtxSetCurrent(CUcontext context) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (context && context != sim.context)
		return INVALID_CONTEXT;
	current = context;
	return OK;
}

static const struct {
	int code;
	const char *name, *text;
} errors[] = {
	{OK, "CUDA_SUCCESS", "no error"},
	{INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
	{OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
	{NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
	{INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
	{INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
	{INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
	{NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"},
	{INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
	{ILLEGAL_STATE, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
	{NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
	{NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
	{ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
	{LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
	{MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
	{LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
	{COOPERATIVE_LAUNCH_TOO_LARGE, "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE", "too many blocks in cooperative launch"},
	{NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
	{CAPTURE_UNSUPPORTED, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"},
	{CAPTURE_INVALIDATED, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"},
	{CAPTURE_WRONG_THREAD, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", "attempt to terminate a thread-local capture sequence from another thread"},
	{GRAPH_UPDATE_FAILURE, "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE", "the graph update was not performed because it included changes which violated constraints"},
};

EXPORT CUresult cuGetErrorName(CUresult code, const char **name) {
	for (const auto &e : errors)
		if (e.code == code)
			return *name = e.name, OK;
	return *name = nullptr, INVALID_VALUE;
}

// The text of a kernel's fault goes on with what the simulator knows of it.
EXPORT CUresult cuGetErrorString(CUresult code, const char **words) {
	std::lock_guard<std::mutex> lock(sim.mu);
	static std::set<std::string> &told = *new std::set<std::string>; // the caller keeps the pointer
	for (const auto &e : errors)
		if (e.code == code) {
			*words = e.text;
			if (code && code == sim.fault)
				*words = told.insert(std::string(e.text) + " (" + sim.message + ")").first->c_str();
			return OK;
		}
	return *words = nullptr, INVALID_VALUE;
}
