// Kernels that do what they should not, and some that test the simulator's forms
// of what CUDA has built in.
typedef long long i64;
typedef unsigned int u32;

#define KERNEL extern "C" __global__ void

KERNEL nothing() {}

KERNEL write_at(float *x, i64 i) { x[i] = 1; }
KERNEL read_at(float *x, const float *y, i64 i) { x[0] = y[i]; }
KERNEL read_four_at(float *x, i64 i) { x[0] = ((const float4 *)(x + i))->w; }
KERNEL divide(i64 *x, i64 by) { x[0] /= by; }
KERNEL trap() { __trap(); }

static int deep(volatile int *x, int n) {
	volatile char frame[512];
	frame[n % 512] = 1;
	return n == 0 ? *x : deep(x, n - 1) + frame[n % 512];
}
KERNEL overflow(float *x) { x[0] = (float)deep((volatile int *)x, 1 << 20); }

KERNEL barrier_of_some() {
	if (threadIdx.x < 40)
		return;
	__syncthreads();
}

KERNEL barrier_against_warp() {
	if (threadIdx.x < 32)
		__syncthreads();
	else
		__syncwarp();
	__syncthreads();
}

KERNEL shuffles_of_two_kinds() {
	if (threadIdx.x < 16)
		__shfl_xor_sync(0xffffffffu, 1, 1);
	else
		__shfl_down_sync(0xffffffffu, 1, 1);
}

KERNEL shuffle_without_itself() { __shfl_sync(0xfffffffeu, 1, 1); }

KERNEL shuffle_with_an_ended_thread() {
	if (threadIdx.x == 3)
		return;
	__shfl_sync(0xffffffffu, 1, 1);
}

KERNEL sleep_for_ever(u32 *flag) {
	while (*(volatile u32 *)flag != 1)
		__nanosleep(100);
}

KERNEL shared_at(float *x, i64 i) {
	SHARED(float, s, 40);
	s[i] = 1;
	x[0] = s[i];
}

KERNEL dynamic_at(float *x, i64 i) {
	DYNAMIC_SHARED(float, s);
	x[0] = s[i];
}

KERNEL too_much_shared(float *x) {
	SHARED(float, s, 12 * 1024 + 1);
	x[0] = s[0];
}

KERNEL __launch_bounds__(64, 2) bounded() {}

// race lacks a barrier between the writes and the reads.
KERNEL race(float *x) {
	SHARED(float, s, 64);
	s[threadIdx.x] = (float)threadIdx.x;
	x[threadIdx.x] = s[63 - threadIdx.x];
}

KERNEL last_block(float *x) { x[0] = (float)blockIdx.x; }

template <typename T> static T block_total(T v) {
	SHARED(T, part, 32);
	for (int d = 16; d > 0; d /= 2)
		v += __shfl_xor_sync(0xffffffffu, v, d);
	__syncthreads();
	if (threadIdx.x % 32 == 0)
		part[threadIdx.x / 32] = v;
	__syncthreads();
	v = threadIdx.x % 32 < blockDim.x / 32 ? part[threadIdx.x % 32] : T(0);
	for (int d = 16; d > 0; d /= 2)
		v += __shfl_xor_sync(0xffffffffu, v, d);
	return v;
}

// totals sums each row of x, with its sum in double beside it.
KERNEL totals(float *sum, double *wide, const float *x, i64 n) {
	float v = 0;
	double w = 0;
	for (i64 i = threadIdx.x; i < n; i += blockDim.x) {
		v += x[blockIdx.x * n + i];
		w += x[blockIdx.x * n + i];
	}
	v = block_total(v);
	w = block_total(w);
	if (threadIdx.x == 0) {
		sum[blockIdx.x] = v;
		wide[blockIdx.x] = w;
	}
}

// forms writes, for each lane of a warp, what the shuffles and votes give.
KERNEL forms(i64 *x) {
	i64 lane = threadIdx.x;
	i64 *to = x + lane * 10;
	to[9] = __activemask(); // none has ended: they all go on to a barrier
	to[0] = __shfl_sync(0xffffffffu, lane, 5);
	to[1] = __shfl_up_sync(0xffffffffu, lane, 3);
	to[2] = __shfl_down_sync(0xffffffffu, lane, 3);
	to[3] = __shfl_xor_sync(0xffffffffu, lane, 8, 16);
	to[4] = __shfl_down_sync(0xffffffffu, lane, 1, 8);
	to[5] = __ballot_sync(0xffffffffu, lane % 2);
	to[6] = __any_sync(0xffffffffu, lane == 7) + 2 * __all_sync(0xffffffffu, lane < 32);
	to[7] = __syncthreads_count(lane < 10);
	to[8] = lane < 16 ? __shfl_xor_sync(0x0000ffffu, lane, 1) : __shfl_xor_sync(0xffff0000u, lane, 2);
}

// meet waits for all blocks, which takes a cooperative launch.
KERNEL meet(u32 *arrived, u32 *seen) {
	DYNAMIC_SHARED(u32, mine);
	if (threadIdx.x == 0) {
		mine[0] = blockIdx.x;
		__threadfence();
		atomicAdd(arrived, 1u);
		while (*(volatile u32 *)arrived < gridDim.x)
			__nanosleep(20);
	}
	__syncthreads();
	seen[blockIdx.x * blockDim.x + threadIdx.x] = mine[0] * 1000 + *arrived;
}

KERNEL mma(float *c, const u32 *a, const u32 *b) {
	i64 lane = threadIdx.x;
	float sum[4] = {c[lane * 4], c[lane * 4 + 1], c[lane * 4 + 2], c[lane * 4 + 3]};
	sim_mma_m16n8k16_bf16(sum, a + lane * 4, b + lane * 2);
	for (int i = 0; i < 4; i++)
		c[lane * 4 + i] = sum[i];
}

KERNEL add(float *x, const float *y, i64 n) {
	for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (i64)gridDim.x * blockDim.x)
		x[i] += y[i];
}
