// Copies between layouts and between types.

const int LANES = 8; // elements that a thread takes at a time

DEVICE int widen(int x) { return x; }

// convert stores x as another type: to nearest even, to integers towards zero.
template <typename D, typename T> DEVICE void convert(D *dst, T x) { *dst = (D)widen(x); }
template <typename T> DEVICE void convert(bf16 *dst, T x) { *dst = round_bf16(x); }
DEVICE void convert(bf16 *dst, int x) { *dst = round_bf16((double)x); }
DEVICE void convert(bf16 *dst, bf16 x) { *dst = x; }

template <typename D, typename T> DEVICE void copy(D *dst, const T *x, const steps<2> &s) {
	each_step<LANES>(
		s, [&](const places<2> &p) { convert(dst + p.at[0], x[p.at[1]]); },
		[&](const places<2> &p) {
			pack<T, LANES> from = lanes_of<LANES>(x, 1, s, p);
			pack<D, LANES> to;
			for (int j = 0; j < LANES; j++)
				convert(&to.v[j], from.v[j]);
			store_pack<LANES>(dst + p.at[0], to);
		});
}

// Copies of matrices, rows side by side in dst and columns in x.
struct transposes {
	i64 rows, cols, step[2]; // of rows in dst and of columns in x
	walk<2> matrices;
};

const int TILE = 32, TILE_ROWS = 8;

// A block copies a tile through shared memory, so that both sides are read and
// written along their runs.
template <typename D, typename T> DEVICE void transpose(D *dst, const T *x, const transposes &t) {
	SHARED(D, tile, TILE * (TILE + 1));
	i64 across = (t.cols + TILE - 1) / TILE, down = (t.rows + TILE - 1) / TILE;
	i64 rest = divide(blockIdx.x, across), matrix = divide(rest, down);
	i64 col = (blockIdx.x - rest * across) * TILE, row = (rest - matrix * down) * TILE;
	places<2> p = places_of(t.matrices, matrix);
	int lane = threadIdx.x % TILE, first = threadIdx.x / TILE;
	for (int c = first; c < TILE && col + c < t.cols; c += TILE_ROWS)
		if (row + lane < t.rows)
			convert(&tile[c * (TILE + 1) + lane], x[p.at[1] + (col + c) * t.step[1] + row + lane]);
	__syncthreads();
	for (int r = first; r < TILE && row + r < t.rows; r += TILE_ROWS)
		if (col + lane < t.cols)
			dst[p.at[0] + (row + r) * t.step[0] + col + lane] = tile[lane * (TILE + 1) + r];
}

#define COPY(name, D, T) \
	KERNEL copy_##name(D *dst, const T *x, steps<2> s) { copy(dst, x, s); } \
	KERNEL transpose_##name(D *dst, const T *x, transposes t) { transpose(dst, x, t); }

// Moves by the bytes of an element, and conversions.
COPY(2, bf16, bf16)
COPY(4, float, float)
COPY(8, double, double)
COPY(f32_f64, double, float)
COPY(f32_i32, int, float)
COPY(f32_bf16, bf16, float)
COPY(f64_f32, float, double)
COPY(f64_i32, int, double)
COPY(f64_bf16, bf16, double)
COPY(i32_f32, float, int)
COPY(i32_f64, double, int)
COPY(i32_bf16, bf16, int)
COPY(bf16_f32, float, bf16)
COPY(bf16_f64, double, bf16)
COPY(bf16_i32, int, bf16)

// Rows of Int8: blocks of a float, the scale, and 32 signed bytes. Their strides
// count words of 4 bytes.
const int BLOCK = 32, BLOCK_WORDS = 9;

// quantise writes a block, of which the warp's threads have an element each. The
// scale is a 127th of the largest magnitude; where an element is not finite it is
// NaN.
DEVICE void quantise(float *block, float x) {
	int lane = threadIdx.x % WARP;
	float scale = warp_max(fabsf(x)) / 127;
	if (!(scale < infinity<float>()))
		scale = infinity<float>() - infinity<float>();
	double q = scale > 0 ? rint((double)x / (double)scale) : 0;
	if (lane == 0)
		*block = scale;
	((signed char *)(block + 1))[lane] = (signed char)min(max(q, -127.0), 127.0);
}

// each_block calls f(row, its block, element of the row) with a thread for each
// element of a block of rows of n elements.
template <int K, typename F> DEVICE void each_block(const walk<K> &rows, i64 n, F f) {
	i64 blocks = (n + BLOCK - 1) / BLOCK;
	for (i64 i = thread_index() / BLOCK; i < rows.size * blocks; i += thread_count() / BLOCK) {
		i64 row = divide(i, blocks), block = i - row * blocks;
		f(places_of(rows, row), block, block * BLOCK + threadIdx.x % BLOCK);
	}
}

// What fills up the last block of a row are zeros. Elements of x lie step apart.
KERNEL quantise_rows(float *dst, const float *x, walk<2> rows, i64 n, i64 step) {
	each_block(rows, n, [&](const places<2> &p, i64 block, i64 i) {
		quantise(dst + p.at[0] + block * BLOCK_WORDS, i < n ? x[p.at[1] + i * step] : 0);
	});
}

KERNEL quantise_value(float *dst, walk<1> rows, i64 n, double value) {
	each_block(rows, n, [&](const places<1> &p, i64 block, i64 i) {
		quantise(dst + p.at[0] + block * BLOCK_WORDS, i < n ? (float)value : 0);
	});
}

KERNEL widen_rows(float *dst, const float *x, walk<2> rows, i64 n, i64 step) {
	each_block(rows, n, [&](const places<2> &p, i64 block, i64 i) {
		const float *from = x + p.at[1] + block * BLOCK_WORDS;
		if (i < n)
			dst[p.at[0] + i * step] = *from * (float)((const signed char *)(from + 1))[i % BLOCK];
	});
}
