// Products y = a w, or y += a w, of float32 rows by a matrix that is only stored,
// as bfloat16 or in blocks of 8-bit integers. A stored row lies along a column of
// the factor w ("dots": y's columns are dot products with stored rows), or along
// a row of it ("columns"). Weights are widened as they are read; sums are float32
// in an order that depends on the shapes alone.

// y, a and w with the distances between rows and columns, in elements; stride is
// that between stored rows, in bytes. y has rows x columns, a rows x inner.
struct stored {
	float *y;
	i64 y_row, y_column;
	const float *a;
	i64 a_row, a_column;
	const unsigned char *w;
	i64 stride, rows, columns, inner, accumulate;
};

// A block of 8-bit integers: element i is byte i of q, signed, times scale.
struct block {
	float scale;
	u32 q[8];
};

// Eight neighbouring weights as they lie.
struct alignas(16) eight_bf16 {
	u32 x, y, z, w;
};
struct eight_i8 {
	float scale;
	u32 x, y;
};
struct alignas(16) four_floats {
	float x, y, z, w;
};

// load reads elements at to at+7 of a stored row of so many; those past its end
// become 0. at is a multiple of 8. WHOLE: rows are multiples of 16 bytes and
// begin at one.
template <bool WHOLE> DEVICE eight_bf16 load(const bf16 *row, i64 at, i64 end) {
	eight_bf16 e = {0, 0, 0, 0};
	if (at >= end)
		return e;
	if constexpr (WHOLE) {
		e = *(const eight_bf16 *)(row + at);
	} else {
		u32 v[8];
		for (int i = 0; i < 8; i++)
			v[i] = at + i < end ? row[at + i].bits : 0;
		e = {v[0] | v[1] << 16, v[2] | v[3] << 16, v[4] | v[5] << 16, v[6] | v[7] << 16};
	}
	return e;
}

template <bool WHOLE> DEVICE eight_i8 load(const block *row, i64 at, i64 end) {
	eight_i8 e = {0, 0, 0};
	if (at >= end)
		return e;
	const block *b = row + at / 32;
	int i = at % 32 / 4;
	e.scale = b->scale;
	e.x = b->q[i];
	e.y = b->q[i + 1];
	return e;
}

DEVICE void widen_pair(u32 x, float *v) {
	v[0] = __uint_as_float(x << 16);
	v[1] = __uint_as_float(x & 0xffff0000u);
}

DEVICE void widen_eight(eight_bf16 e, float *v) {
	widen_pair(e.x, v);
	widen_pair(e.y, v + 2);
	widen_pair(e.z, v + 4);
	widen_pair(e.w, v + 6);
}

// Byte b of x as a float: 2^23 + 128 + b has b+128 as its lowest bits. That is
// quicker than a conversion.
DEVICE void widen_bytes(u32 x, float scale, float *v) {
	x ^= 0x80808080u;
	for (int i = 0; i < 4; i++)
		v[i] = (__uint_as_float(0x4b000000u | (x >> 8 * i & 0xff)) - 8388736.0f) * scale;
}

DEVICE void widen_eight(eight_i8 e, float *v) {
	widen_bytes(e.x, e.scale, v);
	widen_bytes(e.y, e.scale, v + 4);
}

// The row of weights and what eight of them are in registers, by format.
template <typename W> struct format;
template <> struct format<bf16> {
	typedef eight_bf16 eight;
};
template <> struct format<block> {
	typedef eight_i8 eight;
};

template <typename W> DEVICE const W *stored_row(const stored &p, i64 i) { return (const W *)(p.w + i * p.stride); }

DEVICE void put(const stored &p, i64 row, i64 column, float v) {
	float *y = p.y + row * p.y_row + column * p.y_column;
	*y = p.accumulate ? *y + v : v;
}

// two_fours reads 4 floats from each of two places, multiples of 16 bytes.
DEVICE void two_fours(const float *x, const float *y, float *v) {
	four_floats lo = *(const four_floats *)x, hi = *(const four_floats *)y;
	v[0] = lo.x, v[1] = lo.y, v[2] = lo.z, v[3] = lo.w;
	v[4] = hi.x, v[5] = hi.y, v[6] = hi.z, v[7] = hi.w;
}

const int WARPS = 8; // of a block of the kernels for few rows

// activations reads a[row][k] to a[row][k+7]; 0 past the end.
template <bool WHOLE> DEVICE void activations(const stored &p, i64 row, i64 k, float *v) {
	const float *a = p.a + row * p.a_row;
	if constexpr (WHOLE) {
		two_fours(a + k, a + k + 4, v);
	} else {
		for (int i = 0; i < 8; i++)
			v[i] = k + i < p.inner ? a[(k + i) * p.a_column] : 0.0f;
	}
}

// dots: a warp reads DOTS stored rows at a time, each of its threads 8 elements
// of each, for R rows of a. split warps of the block share the same stored rows
// out by pieces of 256 elements.
const int DOTS = 4, PIECE = 8 * WARP;

template <typename W, int R, bool WHOLE> DEVICE void dots(const stored &p, i64 split) {
	SHARED(float, part, WARPS *R *DOTS);
	int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
	i64 groups = WARPS / split, first = (blockIdx.x * groups + warp / split) * DOTS;
	i64 row = (i64)blockIdx.y * R;
	float sum[R * DOTS];
	for (int i = 0; i < R * DOTS; i++)
		sum[i] = 0;
	for (i64 k = warp % split * PIECE + lane * 8; k < p.inner && first < p.columns; k += split * PIECE) {
		typename format<W>::eight raw[DOTS];
		for (int c = 0; c < DOTS; c++)
			raw[c] = load<WHOLE>(stored_row<W>(p, first + c < p.columns ? first + c : first), k, p.inner);
		float w[DOTS][8];
		for (int c = 0; c < DOTS; c++)
			widen_eight(raw[c], w[c]);
#pragma unroll
		for (int r = 0; r < R; r++) {
			float a[8];
			activations<WHOLE>(p, row + r < p.rows ? row + r : row, k, a);
			for (int c = 0; c < DOTS; c++)
				for (int i = 0; i < 8; i++)
					sum[r * DOTS + c] += a[i] * w[c][i];
		}
	}
	for (int i = 0; i < R * DOTS; i++) {
		float s = warp_sum(sum[i]);
		if (lane == 0)
			part[warp * R * DOTS + i] = s;
	}
	__syncthreads();
	for (int i = threadIdx.x; i < groups * R * DOTS; i += blockDim.x) {
		int group = i / (R * DOTS), j = i % (R * DOTS);
		i64 r = row + j / DOTS, c = (blockIdx.x * groups + group) * DOTS + j % DOTS;
		float s = 0;
		for (int v = 0; v < split; v++)
			s += part[(group * split + v) * R * DOTS + j];
		if (r < p.rows && c < p.columns)
			put(p, r, c, s);
	}
}

// columns: a thread sums 8 columns of y for R rows of a over the stored rows of
// its warp, which are every eighth of the block's slice of them, AHEAD at a time.
// The warps' sums are added in their order. Slices, where there are several, go
// to parts (slices, rows, columns), which fold adds.
const int AHEAD = 4, PITCH = WARP + 1;

template <typename W, int R, bool WHOLE> DEVICE void columns(const stored &p, float *parts, i64 slice) {
	SHARED(float, part, WARPS * 8 * PITCH);
	int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
	i64 column = ((i64)blockIdx.x * WARP + lane) * 8, row = (i64)blockIdx.z * R;
	i64 end = (blockIdx.y + 1) * slice;
	end = end < p.inner ? end : p.inner;
	float sum[R][8];
	for (int r = 0; r < R; r++)
		for (int i = 0; i < 8; i++)
			sum[r][i] = 0;
	for (i64 k = blockIdx.y * slice + warp; k < end; k += AHEAD * WARPS) {
		typename format<W>::eight raw[AHEAD];
		for (int u = 0; u < AHEAD; u++)
			raw[u] = load<WHOLE>(stored_row<W>(p, k + u * WARPS < end ? k + u * WARPS : k), column, p.columns);
#pragma unroll
		for (int u = 0; u < AHEAD; u++) {
			if (k + u * WARPS >= end)
				break;
			float w[8];
			widen_eight(raw[u], w);
			for (int r = 0; r < R; r++) {
				float a = p.a[(row + r < p.rows ? row + r : row) * p.a_row + (k + u * WARPS) * p.a_column];
				for (int i = 0; i < 8; i++)
					sum[r][i] += a * w[i];
			}
		}
	}
	i64 mine = (i64)blockIdx.x * WARP * 8 + threadIdx.x;
	for (int r = 0; r < R; r++) {
		for (int i = 0; i < 8; i++)
			part[(warp * 8 + i) * PITCH + lane] = sum[r][i];
		__syncthreads();
		float s = 0;
		for (int v = 0; v < WARPS; v++)
			s += part[(v * 8 + threadIdx.x % 8) * PITCH + threadIdx.x / 8];
		__syncthreads();
		if (row + r >= p.rows || mine >= p.columns)
			continue;
		if (parts)
			parts[(blockIdx.y * p.rows + row + r) * p.columns + mine] = s;
		else
			put(p, row + r, mine, s);
	}
}

// stored_fold adds the slices: a warp takes every eighth slice of 32 elements of
// y, and the first one adds up the warps' sums.
KERNEL stored_fold(stored p, const float *parts, i64 slices) {
	SHARED(float, part, WARPS *WARP);
	int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
	i64 i = (i64)blockIdx.x * WARP + lane, n = p.rows * p.columns;
	float s = 0;
	for (i64 v = warp; v < slices && i < n; v += WARPS)
		s += parts[v * n + i];
	part[warp * WARP + lane] = s;
	__syncthreads();
	if (warp > 0 || i >= n)
		return;
	s = 0;
	for (int v = 0; v < WARPS; v++)
		s += part[v * WARP + lane];
	put(p, i / p.columns, i % p.columns, s);
}

// tile computes 64 x 64 elements of y by 64 threads, 8 x 8 each: rows r to r+3
// and r+32 to r+35, columns likewise. Both factors pass through shared memory, 32
// of the inner length at a time, the weights widened.
const int TILE = 64, DEPTH = 32, TILE_PITCH = TILE + 4;

template <typename W, bool DOT, bool WHOLE> DEVICE void tile_weights(const stored &p, float *ws, i64 column, i64 k) {
	for (int t = threadIdx.x; t < TILE * DEPTH / 8; t += TILE) {
		float v[8];
		if (DOT) {
			int n = t / (DEPTH / 8), at = t % (DEPTH / 8) * 8;
			i64 end = column + n < p.columns ? p.inner : 0;
			widen_eight(load<WHOLE>(stored_row<W>(p, column + n), k + at, end), v);
			for (int i = 0; i < 8; i++)
				ws[(at + i) * TILE_PITCH + n] = v[i];
		} else {
			int i = t / (TILE / 8), at = t % (TILE / 8) * 8;
			i64 end = k + i < p.inner ? p.columns : 0;
			widen_eight(load<WHOLE>(stored_row<W>(p, k + i), column + at, end), v);
			for (int j = 0; j < 8; j++)
				ws[i * TILE_PITCH + at + j] = v[j];
		}
	}
}

DEVICE void tile_activations(const stored &p, float *as, i64 row, i64 k) {
	for (int t = threadIdx.x; t < TILE * DEPTH; t += TILE) {
		// A warp reads 8 neighbours of 4 rows and writes to 32 banks.
		int i = t % 8 + t / (8 * TILE) * 8, r = t / 8 % TILE;
		bool in = row + r < p.rows && k + i < p.inner;
		as[i * TILE_PITCH + r] = in ? p.a[(row + r) * p.a_row + (k + i) * p.a_column] : 0.0f;
	}
}

template <typename W, bool DOT, bool WHOLE> DEVICE void tile(const stored &p) {
	SHARED(four_floats, as, DEPTH *TILE_PITCH / 4);
	SHARED(four_floats, ws, DEPTH *TILE_PITCH / 4);
	i64 across = (p.columns + TILE - 1) / TILE;
	i64 row = blockIdx.x / across * TILE, column = blockIdx.x % across * TILE;
	int r = threadIdx.x / 8 * 4, c = threadIdx.x % 8 * 4;
	float sum[8][8];
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 8; j++)
			sum[i][j] = 0;
	for (i64 k = 0; k < p.inner; k += DEPTH) {
		tile_activations(p, (float *)as, row, k);
		tile_weights<W, DOT, WHOLE>(p, (float *)ws, column, k);
		__syncthreads();
#pragma unroll 4
		for (int d = 0; d < DEPTH; d++) {
			float a[8], w[8];
			const float *x = (float *)as + d * TILE_PITCH + r, *y = (float *)ws + d * TILE_PITCH + c;
			two_fours(x, x + TILE / 2, a);
			two_fours(y, y + TILE / 2, w);
			for (int i = 0; i < 8; i++)
				for (int j = 0; j < 8; j++)
					sum[i][j] += a[i] * w[j];
		}
		__syncthreads();
	}
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 8; j++) {
			i64 y = row + r + i % 4 + i / 4 * (TILE / 2), x = column + c + j % 4 + j / 4 * (TILE / 2);
			if (y < p.rows && x < p.columns)
				put(p, y, x, sum[i][j]);
		}
}

// widen_i8 writes rows of blocks as bfloat16, pitch elements apart, a multiple of
// 8; those past a row's end become anything.
KERNEL widen_i8(bf16 *y, i64 pitch, const unsigned char *w, i64 stride, i64 rows) {
	i64 eights = pitch / 8;
	for (i64 t = thread_index(); t < rows * eights; t += thread_count()) {
		i64 row = t / eights, at = t % eights * 8;
		float v[8];
		widen_eight(load<true>((const block *)(w + row * stride), at, pitch), v);
		u32 x[8];
		for (int i = 0; i < 8; i++)
			x[i] = round_bf16(v[i]).bits;
		eight_bf16 e = {x[0] | x[1] << 16, x[2] | x[3] << 16, x[4] | x[5] << 16, x[6] | x[7] << 16};
		*(eight_bf16 *)(y + row * pitch + at) = e;
	}
}

// Of each kernel there are several: by the weights' format, by how many rows it
// takes at a time, and by whether all it loads is WHOLE.
#define DOTS_KERNELS(W, name, WHOLE, form) \
	KERNEL dots_##name##_1_##form(stored p, i64 split) { dots<W, 1, WHOLE>(p, split); } \
	KERNEL dots_##name##_4_##form(stored p, i64 split) { dots<W, 4, WHOLE>(p, split); } \
	KERNEL __launch_bounds__(WARPS * WARP, 2) dots_##name##_8_##form(stored p, i64 split) { dots<W, 8, WHOLE>(p, split); }
#define OTHER_KERNELS(W, name, WHOLE, form) \
	KERNEL columns_##name##_1_##form(stored p, float *parts, i64 slice) { columns<W, 1, WHOLE>(p, parts, slice); } \
	KERNEL columns_##name##_4_##form(stored p, float *parts, i64 slice) { columns<W, 4, WHOLE>(p, parts, slice); } \
	KERNEL columns_##name##_8_##form(stored p, float *parts, i64 slice) { columns<W, 8, WHOLE>(p, parts, slice); } \
	KERNEL tile_dots_##name##_##form(stored p) { tile<W, true, WHOLE>(p); } \
	KERNEL tile_columns_##name##_##form(stored p) { tile<W, false, WHOLE>(p); }

DOTS_KERNELS(bf16, bf16, true, whole)
DOTS_KERNELS(bf16, bf16, false, any)
DOTS_KERNELS(block, i8, true, whole)
DOTS_KERNELS(block, i8, false, any)
OTHER_KERNELS(bf16, bf16, true, whole)
OTHER_KERNELS(bf16, bf16, false, any)
OTHER_KERNELS(block, i8, true, whole) // blocks are whole
