// What CUDA has built into its language, for kernels compiled as C++. It stands
// before the prelude of each file and includes nothing, so that kernels compile
// fast.
#ifndef SIM_DEVICE_H
#define SIM_DEVICE_H

#include "kernel.h"

#define SIMULATOR 1
#define __global__ __attribute__((visibility("hidden")))
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __align__(n) alignas(n)
#define __launch_bounds__(...)
#define DEVICE static inline __attribute__((unused))

// Each use of SHARED has a tag of its own, one for each instance of a template.
#define SHARED(type, name, count) \
	static char name##_tag; \
	type(&name)[count] = *(type(*)[count])sim_shared(&name##_tag, sizeof(type[count]))
#define DYNAMIC_SHARED(type, name) type *name = (type *)sim_dynamic()

extern sim_size3 threadIdx, blockIdx, blockDim, gridDim;
const int warpSize = 32;

#define SIM_VECTOR2(name, type, bytes) \
	struct alignas(bytes) name { \
		type x, y; \
	}; \
	static inline name make_##name(type x, type y) { return name{x, y}; }
#define SIM_VECTOR4(name, type) \
	struct alignas(16) name { \
		type x, y, z, w; \
	}; \
	static inline name make_##name(type x, type y, type z, type w) { return name{x, y, z, w}; }
SIM_VECTOR2(float2, float, 8)
SIM_VECTOR2(int2, int, 8)
SIM_VECTOR2(uint2, unsigned, 8)
SIM_VECTOR2(double2, double, 16)
SIM_VECTOR2(longlong2, long long, 16)
SIM_VECTOR2(ulonglong2, unsigned long long, 16)
SIM_VECTOR4(float4, float)
SIM_VECTOR4(int4, int)
SIM_VECTOR4(uint4, unsigned)

// Functions of the C library, and CUDA's overloads of them.
#define SIM_UNARY(name) \
	extern "C" float name##f(float) noexcept; \
	extern "C" double name(double) noexcept; \
	static inline float name(float x) { return name##f(x); }
#define SIM_BINARY(name) \
	extern "C" float name##f(float, float) noexcept; \
	extern "C" double name(double, double) noexcept; \
	static inline float name(float x, float y) { return name##f(x, y); }
SIM_UNARY(exp)
SIM_UNARY(exp2)
SIM_UNARY(expm1)
SIM_UNARY(log)
SIM_UNARY(log2)
SIM_UNARY(log10)
SIM_UNARY(log1p)
SIM_UNARY(sin)
SIM_UNARY(cos)
SIM_UNARY(tan)
SIM_UNARY(tanh)
SIM_UNARY(sinh)
SIM_UNARY(cosh)
SIM_UNARY(erf)
SIM_UNARY(erfc)
SIM_UNARY(sqrt)
SIM_UNARY(cbrt)
SIM_UNARY(fabs)
SIM_UNARY(floor)
SIM_UNARY(ceil)
SIM_UNARY(trunc)
SIM_UNARY(round)
SIM_UNARY(rint)
SIM_BINARY(pow)
SIM_BINARY(fmod)
SIM_BINARY(fmin)
SIM_BINARY(fmax)
SIM_BINARY(copysign)
SIM_BINARY(atan2)
extern "C" float fmaf(float, float, float) noexcept;
extern "C" double fma(double, double, double) noexcept;
static inline float fma(float x, float y, float z) { return fmaf(x, y, z); }
extern "C" float ldexpf(float, int) noexcept;
extern "C" double ldexp(double, int) noexcept;
extern "C" void *memcpy(void *, const void *, size_t) noexcept;

template <typename T> static inline bool isnan(T x) { return __builtin_isnan(x); }
template <typename T> static inline bool isinf(T x) { return __builtin_isinf(x); }
template <typename T> static inline bool isfinite(T x) { return __builtin_isfinite(x); }
static inline int abs(int x) { return __builtin_abs(x); }
static inline long long abs(long long x) { return __builtin_llabs(x); }
static inline float abs(float x) { return __builtin_fabsf(x); }
static inline double abs(double x) { return __builtin_fabs(x); }
static inline float min(float x, float y) { return fminf(x, y); }
static inline double min(double x, double y) { return fmin(x, y); }
static inline float max(float x, float y) { return fmaxf(x, y); }
static inline double max(double x, double y) { return fmax(x, y); }
template <typename A, typename B> static inline auto min(A x, B y) -> decltype(x + y) { return (decltype(x + y))x < (decltype(x + y))y ? x : y; }
template <typename A, typename B> static inline auto max(A x, B y) -> decltype(x + y) { return (decltype(x + y))x > (decltype(x + y))y ? x : y; }

static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
static inline float __expf(float x) { return expf(x); }
static inline float __logf(float x) { return logf(x); }
static inline float __fdividef(float x, float y) { return x / y; }
static inline float __frcp_rn(float x) { return 1.0f / x; }
static inline float __fsqrt_rn(float x) { return sqrtf(x); }
static inline float __fadd_rn(float x, float y) { return x + y; }
static inline float __fmul_rn(float x, float y) { return x * y; }
static inline float __fdiv_rn(float x, float y) { return x / y; }
static inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
static inline double __dadd_rn(double x, double y) { return x + y; }
static inline double __dmul_rn(double x, double y) { return x * y; }
static inline double __ddiv_rn(double x, double y) { return x / y; }
static inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }

template <typename To, typename From> static inline To sim_bits(From x) {
	static_assert(sizeof(To) == sizeof(From), "");
	To y;
	memcpy(&y, &x, sizeof y);
	return y;
}
static inline unsigned __float_as_uint(float x) { return sim_bits<unsigned>(x); }
static inline int __float_as_int(float x) { return sim_bits<int>(x); }
static inline float __uint_as_float(unsigned x) { return sim_bits<float>(x); }
static inline float __int_as_float(int x) { return sim_bits<float>(x); }
static inline long long __double_as_longlong(double x) { return sim_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return sim_bits<double>(x); }
static inline unsigned __umulhi(unsigned x, unsigned y) { return (unsigned)((unsigned long long)x * y >> 32); }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __clz(unsigned x) { return x ? __builtin_clz(x) : 32; }
static inline int __clzll(unsigned long long x) { return x ? __builtin_clzll(x) : 64; }
static inline int __ffs(unsigned x) { return __builtin_ffs((int)x); }

// Loads and stores with a caching hint.
#define SIM_LOAD(name) \
	template <typename T> static inline T name(const T *p) { return *p; }
#define SIM_STORE(name) \
	template <typename T, typename V> static inline void name(T *p, V v) { *p = v; }
SIM_LOAD(__ldg)
SIM_LOAD(__ldca)
SIM_LOAD(__ldcg)
SIM_LOAD(__ldcs)
SIM_LOAD(__ldcv)
SIM_STORE(__stcg)
SIM_STORE(__stcs)
SIM_STORE(__stwb)
SIM_STORE(__stwt)

// Atomics: one thread runs at a time, and none stops within one.
#define SIM_ATOMIC(name, type, update) \
	static inline type name(type *p, type v) { \
		type old = *(volatile type *)p; \
		*(volatile type *)p = update; \
		return old; \
	}
#define SIM_ATOMICS(name, update) \
	SIM_ATOMIC(name, int, update) \
	SIM_ATOMIC(name, unsigned, update) \
	SIM_ATOMIC(name, unsigned long long, update)
SIM_ATOMICS(atomicAdd, old + v)
SIM_ATOMIC(atomicAdd, float, old + v)
SIM_ATOMIC(atomicAdd, double, old + v)
SIM_ATOMICS(atomicExch, v)
SIM_ATOMIC(atomicExch, float, v)
SIM_ATOMICS(atomicMax, old > v ? old : v)
SIM_ATOMICS(atomicMin, old < v ? old : v)
SIM_ATOMICS(atomicOr, old | v)
SIM_ATOMICS(atomicAnd, old &v)
SIM_ATOMIC(atomicSub, int, old - v)
SIM_ATOMIC(atomicSub, unsigned, old - v)
template <typename T> static inline T sim_cas(T *p, T expected, T v) {
	T old = *(volatile T *)p;
	if (old == expected)
		*(volatile T *)p = v;
	return old;
}
static inline int atomicCAS(int *p, int e, int v) { return sim_cas(p, e, v); }
static inline unsigned atomicCAS(unsigned *p, unsigned e, unsigned v) { return sim_cas(p, e, v); }
static inline unsigned long long atomicCAS(unsigned long long *p, unsigned long long e, unsigned long long v) { return sim_cas(p, e, v); }

static inline void __threadfence() { __asm__ __volatile__("" ::: "memory"); }
static inline void __threadfence_block() { __threadfence(); }
static inline void __threadfence_system() { __threadfence(); }
static inline void __nanosleep(unsigned) { sim_sleep(); }
static inline void __trap() { sim_trap(); }
static inline void __syncthreads() { sim_barrier(SIM_BARRIER, 0); }
static inline int __syncthreads_count(int p) { return (int)sim_barrier(SIM_BARRIER_COUNT, p != 0); }
static inline int __syncthreads_or(int p) { return sim_barrier(SIM_BARRIER_COUNT, p != 0) != 0; }
static inline int __syncthreads_and(int p) { return sim_barrier(SIM_BARRIER_COUNT, p == 0) == 0; }

static inline void __syncwarp(unsigned mask = 0xffffffffu) { sim_warp(SIM_SYNC, mask, 0, 0); }
static inline unsigned __activemask() { return sim_active(); }
static inline unsigned __ballot_sync(unsigned mask, int p) { return (unsigned)sim_warp(SIM_BALLOT, mask, p != 0, 0); }
static inline int __any_sync(unsigned mask, int p) { return __ballot_sync(mask, p) != 0; }
static inline int __all_sync(unsigned mask, int p) { return __ballot_sync(mask, !p) == 0; }

template <typename T> static inline T sim_shuffle(unsigned mask, T v, int kind, int source) {
	static_assert(sizeof(T) == 4 || sizeof(T) == 8, "shuffles move 4 or 8 bytes");
	unsigned long long word = 0;
	memcpy(&word, &v, sizeof v);
	word = sim_warp(kind, mask, word, source);
	memcpy(&v, &word, sizeof v);
	return v;
}

// Where the source lies outside the segment of width lanes, a thread gets its own
// value.
template <typename T> static inline T __shfl_sync(unsigned mask, T v, int source, int width = 32) {
	int lane = sim_lane();
	return sim_shuffle(mask, v, SIM_SHUFFLE, (lane & ~(width - 1)) | (source & (width - 1)));
}
template <typename T> static inline T __shfl_up_sync(unsigned mask, T v, unsigned delta, int width = 32) {
	int lane = sim_lane(), at = lane & (width - 1);
	return sim_shuffle(mask, v, SIM_SHUFFLE_UP, at < (int)delta ? lane : lane - (int)delta);
}
template <typename T> static inline T __shfl_down_sync(unsigned mask, T v, unsigned delta, int width = 32) {
	int lane = sim_lane(), at = lane & (width - 1);
	return sim_shuffle(mask, v, SIM_SHUFFLE_DOWN, at + (int)delta >= width ? lane : lane + (int)delta);
}
template <typename T> static inline T __shfl_xor_sync(unsigned mask, T v, int bits, int width = 32) {
	int lane = sim_lane(), to = lane ^ bits;
	return sim_shuffle(mask, v, SIM_SHUFFLE_XOR, to >= (lane & ~(width - 1)) + width ? lane : to);
}

// sim_mma_m16n8k16_bf16 is mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32:
// c += a*b, with the fragments of a warp's 32 threads. All of the warp call it.
static inline void sim_mma_m16n8k16_bf16(float *c, const unsigned *a, const unsigned *b) {
	sim_fragments f = {c, a, b};
	sim_warp(SIM_MMA_BF16, 0xffffffffu, (unsigned long long)(size_t)&f, 0);
}

// What a kernel's arguments are read from, in order.
struct sim_arguments {
	const char *at;
	template <typename T> T next() {
		T v;
		memcpy(&v, at, sizeof v);
		at += (sizeof v + 7) / 8 * 8;
		return v;
	}
};

template <typename... A> struct sim_call {
	sim_call(void (*f)(A...), A... a) { f(a...); }
};

template <typename F, F *f> struct sim_entry;
template <typename... A, void (*f)(A...)> struct sim_entry<void(A...), f> {
	static void invoke(const void *arguments) {
		sim_arguments from = {(const char *)arguments};
		(void)from;
		sim_call<A...>{f, from.next<A>()...}; // braces: evaluated from left to right
	}
	static constexpr unsigned sizes[] = {(unsigned)sizeof(A)..., 0};
};

template <typename T, typename... More> constexpr unsigned sim_first(T bounds, More...) { return (unsigned)bounds; }

#define SIM_KERNEL(name, bounds) {#name, sim_entry<decltype(name), name>::invoke, sim_entry<decltype(name), name>::sizes, bounds},

#endif
