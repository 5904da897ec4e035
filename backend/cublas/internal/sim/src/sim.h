// The state of the simulated machine. One lock guards it all, the running of
// kernels included.
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "cuda.h"
#include "kernel.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

// CUresult.
enum {
	OK = 0,
	INVALID_VALUE = 1,
	OUT_OF_MEMORY = 2,
	NOT_INITIALIZED = 3,
	INVALID_DEVICE = 101,
	INVALID_IMAGE = 200,
	INVALID_CONTEXT = 201,
	NO_BINARY_FOR_GPU = 209,
	INVALID_HANDLE = 400,
	ILLEGAL_STATE = 401,
	NOT_FOUND = 500,
	NOT_READY = 600,
	ILLEGAL_ADDRESS = 700,
	LAUNCH_OUT_OF_RESOURCES = 701,
	MISALIGNED_ADDRESS = 716,
	LAUNCH_FAILED = 719,
	COOPERATIVE_LAUNCH_TOO_LARGE = 720,
	NOT_SUPPORTED = 801,
	CAPTURE_UNSUPPORTED = 900,
	CAPTURE_INVALIDATED = 901,
	CAPTURE_WRONG_THREAD = 908,
	GRAPH_UPDATE_FAILURE = 910,
};

// The device.
const int SMS = 4, MAX_THREADS = 1024, WARP_LANES = 32, THREADS_PER_SM = 2048, BLOCKS_PER_SM = 32;
const size_t SHARED_DEFAULT = 48 << 10, SHARED_OPTIN = 227 << 10, SHARED_PER_SM = 228 << 10, SHARED_RESERVED = 1 << 10;
const int CAPABILITY = 90;

// Points are the kinds of call that are counted, and can be made to fail. The
// numbers are known to the Go side.
enum Point {
	POINT_ALLOC,
	POINT_HOST_ALLOC,
	POINT_COPY,
	POINT_SET,
	POINT_LAUNCH,
	POINT_FAULT, // a kernel that runs, as against one that is queued
	POINT_PRODUCT,
	POINT_LSTM,
	POINT_COMPILE,
	POINT_MODULE,
	POINT_FUNCTION,
	POINT_STREAM,
	POINT_SYNC,
	POINT_EVENT,
	POINT_CAPTURE,
	POINT_INSTANTIATE,
	POINT_GRAPH_LAUNCH,
	POINT_BLAS_CREATE,
	POINT_DNN_CREATE,
	POINTS,
};

// Kinds of handle. The numbers are known to the Go side.
enum Kind {
	KIND_CONTEXT,
	KIND_STREAM,
	KIND_EVENT,
	KIND_MODULE,
	KIND_GRAPH,
	KIND_EXECUTABLE,
	KIND_PROGRAM,
	KIND_BLAS,
	KIND_DNN,
	KIND_DESCRIPTOR,
	KINDS,
};

// Op is work on a stream. run returns a CUresult; what is not 0 is a fault.
struct Op {
	enum Type { LAUNCH, COPY, SET, PRODUCT, LSTM, EVENT, GRAPH } type;
	std::string form;       // what must stay the same where a graph is updated
	const void *host;       // pinned memory that it reads or writes, or null
	std::function<int()> run;
};

typedef std::vector<Op> Ops;

struct CUctx_st {};

struct CUstream_st {
	std::deque<Op> queue;
	bool capturing, invalid;
	int mode;
	unsigned long thread; // that began the capture
	Ops captured;
};

struct CUevent_st {
	bool timed, recorded, done;
	CUstream stream;
	double at; // seconds
	unsigned long long record; // number of the last record
};

struct CUfunc_st {
	const sim_module *module;
	const sim_kernel *kernel;
	size_t dynamic;  // most dynamic shared memory
	size_t fixed;    // static shared memory, as far as launches have shown it
};

// Memory is an allocation, by its address.
struct Memory {
	char *map; // with the guard pages
	size_t mapped, bytes;
};

struct Sim {
	std::mutex mu;
	bool initialized, eager;
	int fault;
	std::string message;
	CUcontext context;
	int retained;
	std::map<unsigned long long, Memory> device, pinned;
	std::deque<Memory> freed; // still mapped, without access
	size_t live, peak, limit, held;
	std::set<const void *> handles[KINDS];
	struct {
		unsigned long long calls, left;
		int code;
	} points[POINTS];
};

extern Sim &sim;

// Call holds the lock for one call of the driver. status is what the call returns
// at once where it is not 0.
struct Call {
	std::lock_guard<std::mutex> lock;
	int status;
	Call();
};

#define BEGIN \
	Call call; \
	if (call.status) \
		return call.status

// fails counts a call and tells whether it is one that was asked to fail: then it
// is the status.
int fails(Point p);

// raise makes a fault stick, the first one.
int raise(int code, const std::string &message);

std::string text(const char *format, ...) __attribute__((format(printf, 1, 2)));

template <typename T> T *keep(Kind k, T *handle) {
	sim.handles[k].insert(handle);
	return handle;
}

inline bool known(Kind k, const void *handle) { return sim.handles[k].count(handle) != 0; }

// drop forgets and deletes a handle; false where there is none.
template <typename T> bool drop(Kind k, T *handle) {
	if (!sim.handles[k].erase(handle))
		return false;
	delete handle;
	return true;
}

// Streams.
int enqueue(CUstream s, Op op);
int drain(CUstream s);
int drain_all();
int stream_ready(CUstream s); // 0, or why nothing can be queued
bool refuse_in_capture();     // invalidates captures; true where there is one
void clear_streams();
double seconds();

// Memory.
bool in_device(const void *p, size_t bytes);
bool in_pinned(const void *p, size_t bytes);
std::string place_of(unsigned long long address); // in words
Memory guarded(size_t bytes);                     // without an address where there is none
void unguard(const Memory &m);
unsigned long long start_of(const Memory &m);
void free_all();
void free_handles();

// Kernels.
struct Launch {
	CUfunction f;
	sim_size3 grid, block;
	size_t dynamic;
	bool cooperative;
	std::vector<unsigned long long> arguments;
};

int execute(const Launch &l);
void free_modules();
void free_graphs();
void free_programs();
void free_blas();
void free_dnn();
extern int reversed;      // runs threads and blocks from the last to the first
extern double patience;   // seconds that all threads may sleep

#endif
