// What all kernels share: it stands before each file of this folder when that is
// compiled, by NVRTC for a GPU, or as C++ for the simulator, which defines
// SIMULATOR and brings its own forms of the names that CUDA has built in
// (threadIdx, __syncthreads, __shfl_xor_sync, expf ...). There is no #include.
//
// Kernels take 64-bit integers, pointers, floats, doubles and structs of members
// of 8 bytes. Memory shared by a block is declared with SHARED or taken from the
// launch's bytes with DYNAMIC_SHARED, never otherwise.

typedef long long i64;
typedef unsigned long long u64;
typedef unsigned int u32;

#define KERNEL extern "C" __global__ void

#ifndef SIMULATOR
#pragma nv_diag_suppress 177 // no file uses all of this
#define DEVICE static __device__ __forceinline__
#define SHARED(type, name, count) __shared__ type name[count]
#define DYNAMIC_SHARED(type, name) \
	extern __shared__ __align__(16) unsigned char dynamic_shared_memory[]; \
	type *name = (type *)dynamic_shared_memory
#endif

const int WARP = 32;
const u32 ALL = 0xffffffffu;

// A bfloat16 is the upper half of a float.
struct bf16 {
	unsigned short bits;
};

DEVICE float widen(bf16 x) { return __uint_as_float((u32)x.bits << 16); }
DEVICE float widen(float x) { return x; }
DEVICE double widen(double x) { return x; }

// round_bf16 rounds to nearest, ties to even; NaN stays NaN.
DEVICE bf16 round_bf16(float x) {
	u32 u = __float_as_uint(x);
	bf16 r;
	if ((u & 0x7fffffffu) > 0x7f800000u)
		r.bits = (unsigned short)(u >> 16 | 0x40);
	else
		r.bits = (unsigned short)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
	return r;
}

// Of a double: that is first rounded to a float whose last bit is set where x lies
// between two of them, so that rounding once more is as good as rounding x itself.
DEVICE bf16 round_bf16(double x) {
	float f = (float)x;
	u32 bits = __float_as_uint(f);
	if ((double)f != x && x == x && !(bits & 1))
		f = __uint_as_float(fabs((double)f) < fabs(x) ? bits + 1 : bits - 1);
	return round_bf16(f);
}

// narrow stores x, of the type that arithmetic is done in, as an element.
DEVICE void narrow(bf16 *p, float x) { *p = round_bf16(x); }
DEVICE void narrow(float *p, float x) { *p = x; }
DEVICE void narrow(double *p, double x) { *p = x; }

// The type that arithmetic on elements of a type is done in.
template <typename T> struct compute { typedef float type; };
template <> struct compute<double> { typedef double type; };

// A pack is N elements side by side, loaded and stored 16 bytes at a time where
// their address allows it.
template <typename T, int N> struct alignas(sizeof(T) * N < 16 ? sizeof(T) * N : 16) pack {
	T v[N];
};

template <int N, typename T> DEVICE pack<T, N> load_pack(const T *p) {
	if ((u64)p % alignof(pack<T, N>) == 0)
		return *(const pack<T, N> *)p;
	pack<T, N> x;
	for (int k = 0; k < N; k++)
		x.v[k] = p[k];
	return x;
}

template <int N, typename T> DEVICE void store_pack(T *p, const pack<T, N> &x) {
	if ((u64)p % alignof(pack<T, N>) == 0) {
		*(pack<T, N> *)p = x;
		return;
	}
	for (int k = 0; k < N; k++)
		p[k] = x.v[k];
}

template <typename C> DEVICE C infinity() { return C(__uint_as_float(0x7f800000u)); }

DEVICE i64 thread_index() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }
DEVICE i64 thread_count() { return (i64)gridDim.x * blockDim.x; }

// A walk visits K tensors of one shape in step: loop.Loop in Go. Strides count
// elements; axes beyond rank mean nothing.
template <int K> struct walk {
	i64 size, rank, shape[8], strides[K][8];
};

template <int K> struct places {
	i64 at[K];
};

// divide is a / b for numbers that are not negative. Most fit in 32 bits, which
// divide several times as fast.
DEVICE i64 divide(i64 a, i64 b) {
	if (((u64)(a | b) >> 32) == 0)
		return (u32)a / (u32)b;
	return a / b;
}

// places_of is where each tensor has element i.
template <int K> DEVICE places<K> places_of(const walk<K> &w, i64 i) {
	places<K> p = {};
#pragma unroll 1
	for (int d = (int)w.rank - 1; d > 0; d--) {
		i64 rest = divide(i, w.shape[d]), index = i - rest * w.shape[d];
		for (int k = 0; k < K; k++)
			p.at[k] += index * w.strides[k][d];
		i = rest;
	}
	for (int k = 0; k < K; k++)
		p.at[k] += i * w.strides[k][0];
	return p;
}

// Steps over K tensors, the first of which is written. With lanes 1 a step is an
// element. Else it is so many elements side by side, of which a tensor has all or
// the same one again; where the last step has fewer, there is one axis. elements
// counts them.
template <int K> struct steps {
	i64 lanes, elements;
	walk<K> w;
};

// step_at does step i: it calls one(places) for elements, and many(places) for N of
// them, which lanes may be besides 1.
template <int N, int K, typename One, typename Many> DEVICE void step_at(const steps<K> &s, i64 i, One one, Many many) {
	places<K> p = places_of(s.w, i);
	i64 n = s.lanes == 1 ? 1 : min((i64)N, s.elements - i * N);
	if (n == N) {
		many(p);
		return;
	}
	for (; n > 0; n--) {
		one(p);
		for (int k = 0; k < K; k++)
			p.at[k] += s.w.strides[k][0] != 0;
	}
}

template <int N, int K, typename One, typename Many> DEVICE void each_step(const steps<K> &s, One one, Many many) {
	for (i64 i = thread_index(); i < s.w.size; i += thread_count())
		step_at<N>(s, i, one, many);
}

// lanes_of are N elements of tensor k.
template <int N, typename T, int K> DEVICE pack<T, N> lanes_of(const T *x, int k, const steps<K> &s, const places<K> &p) {
	if (s.w.strides[k][s.w.rank - 1] != 0)
		return load_pack<N>(x + p.at[k]);
	pack<T, N> same;
	for (int j = 0; j < N; j++)
		same.v[j] = x[p.at[k]];
	return same;
}

// Sums and maxima over a warp, in a fixed order; each thread gets the result.
template <typename T> DEVICE T warp_sum(T v) {
	for (int d = WARP / 2; d > 0; d /= 2)
		v += __shfl_xor_sync(ALL, v, d);
	return v;
}

template <typename T> DEVICE T warp_max(T v) {
	for (int d = WARP / 2; d > 0; d /= 2) {
		T w = __shfl_xor_sync(ALL, v, d);
		v = w > v || w != w ? w : v;
	}
	return v;
}

// block_sum and block_max fold over a block of whole warps, at most 1024
// threads; each thread gets the result. All threads of the block call them.
template <typename T> DEVICE T block_sum(T v) {
	SHARED(T, part, WARP);
	int warps = (blockDim.x + WARP - 1) / WARP;
	v = warp_sum(v);
	__syncthreads();
	if (threadIdx.x % WARP == 0)
		part[threadIdx.x / WARP] = v;
	__syncthreads();
	v = (int)threadIdx.x % WARP < warps ? part[threadIdx.x % WARP] : T(0);
	return warp_sum(v);
}

template <typename T> DEVICE T block_max(T v) {
	SHARED(T, part, WARP);
	int warps = (blockDim.x + WARP - 1) / WARP;
	v = warp_max(v);
	__syncthreads();
	if (threadIdx.x % WARP == 0)
		part[threadIdx.x / WARP] = v;
	__syncthreads();
	v = part[(int)threadIdx.x % WARP < warps ? threadIdx.x % WARP : 0];
	return warp_max(v);
}

// philox is four random words: tensor.Philox in Go.
struct words4 {
	u32 w[4];
};

DEVICE words4 philox(u64 block, u64 seed, u32 site, u32 step) {
	u32 c0 = (u32)block, c1 = (u32)(block >> 32), c2 = site, c3 = step;
	u32 k0 = (u32)seed, k1 = (u32)(seed >> 32);
	for (int i = 0; i < 10; i++) {
		u64 p0 = (u64)0xD2511F53u * c0, p1 = (u64)0xCD9E8D57u * c2;
		c0 = (u32)(p1 >> 32) ^ c1 ^ k0;
		c1 = (u32)p1;
		c2 = (u32)(p0 >> 32) ^ c3 ^ k1;
		c3 = (u32)p0;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
	words4 r = {{c0, c1, c2, c3}};
	return r;
}

// A dropout site: its multipliers are those of mask where it is not null, else
// 0 or scale by the key's numbers, else, where keep is 1 or more, all 1.
struct dropout {
	u64 seed;
	u64 site_step; // site in the low word, step in the high one
	double keep;
	double scale;
	u64 mask;
};

DEVICE float unit_of(u32 word) { return (float)(word >> 8) * (1.0f / (1 << 24)); }

// dropped is the multiplier of element i.
template <typename T> DEVICE typename compute<T>::type dropped(const dropout &d, i64 i) {
	typedef typename compute<T>::type C;
	if (d.mask)
		return widen(((const T *)d.mask)[i]);
	if (d.keep >= 1)
		return C(1);
	words4 r = philox((u64)i / 4, d.seed, (u32)d.site_step, (u32)(d.site_step >> 32));
	return unit_of(r.w[i % 4]) < (float)d.keep ? (C)d.scale : C(0);
}

// The functions that several files use, in float and double.
DEVICE float exponential(float x) { return expf(x); }
DEVICE double exponential(double x) { return exp(x); }
DEVICE float logarithm(float x) { return logf(x); }
DEVICE double logarithm(double x) { return log(x); }
DEVICE float hyperbolic_tangent(float x) { return tanhf(x); }
DEVICE double hyperbolic_tangent(double x) { return tanh(x); }
template <typename C> DEVICE C logistic(C x) { return C(1) / (C(1) + exponential(-x)); }

// GELU is x*s(1.702x), s the logistic function. Beyond the bound it is 0 or x to
// the last bit; nearer infinity its terms would be 0*Inf.
const double GELU_SCALE = 1.702, GELU_BOUND = 450;

template <typename C> DEVICE C gelu(C x) {
	if (x < C(-GELU_BOUND))
		return C(-0.0);
	return x * logistic(C(GELU_SCALE) * x);
}

// gelu_grad is s + 1.702x*s*(1-s).
template <typename C> DEVICE C gelu_grad(C x) {
	if (x > C(GELU_BOUND))
		return C(1);
	if (x < C(-GELU_BOUND))
		return C(0);
	C s = logistic(C(GELU_SCALE) * x);
	return s + C(GELU_SCALE) * x * s * (C(1) - s);
}

#ifndef SIMULATOR
#pragma nv_diag_default 177
#endif
