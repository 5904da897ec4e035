// Sums along columns: of a matrix's rows, and of what a layer norm's rows give to
// the gradients of its weights. Sums are taken in parts of whole rows and then
// over the parts, in an order that depends on the shapes alone.

const int ROW_LANES = 16; // rows that a block of column_sum reads at a time
const int SUM_THREADS = ROW_LANES * WARP;

// dst[part] (width) = the sum of the part's rows of x (n, width), rows of them. A
// block sums up WARP*N columns. Blocks lie in a line, the columns' first.
template <typename T, int N> DEVICE void column_sum(typename compute<T>::type *dst, const T *x, i64 n, i64 width, i64 rows, bool accumulate) {
	typedef typename compute<T>::type C;
	SHARED(C, sums, SUM_THREADS * N);
	i64 tiles = (width + WARP * N - 1) / (WARP * N);
	i64 part = blockIdx.x / tiles, column = blockIdx.x % tiles * WARP * N + threadIdx.x % WARP * N;
	int lane = threadIdx.x / WARP;
	C sum[N] = {};
	if (column < width) {
		i64 end = min(n, (part + 1) * rows);
#pragma unroll 4
		for (i64 r = part * rows + lane; r < end; r += ROW_LANES) {
			pack<T, N> p = load_pack<N>(x + r * width + column);
			for (int k = 0; k < N; k++)
				sum[k] += widen(p.v[k]);
		}
	}
	for (int k = 0; k < N; k++)
		sums[k * SUM_THREADS + threadIdx.x] = sum[k];
	__syncthreads();
	if (lane != 0 || column >= width)
		return;
	dst += part * width + column;
	for (int k = 0; k < N; k++) {
		C total = accumulate ? dst[k] : C(0);
		for (int l = 0; l < ROW_LANES; l++)
			total += sums[k * SUM_THREADS + l * WARP + threadIdx.x];
		dst[k] = total;
	}
}

KERNEL __launch_bounds__(SUM_THREADS) column_sum_f32(float *dst, const float *x, i64 n, i64 width, i64 rows, i64 accumulate) {
	column_sum<float, 1>(dst, x, n, width, rows, accumulate != 0);
}
KERNEL __launch_bounds__(SUM_THREADS) column_sum_f64(double *dst, const double *x, i64 n, i64 width, i64 rows, i64 accumulate) {
	column_sum<double, 1>(dst, x, n, width, rows, accumulate != 0);
}
KERNEL __launch_bounds__(SUM_THREADS) column_sum_bf16(float *dst, const bf16 *x, i64 n, i64 width, i64 rows, i64 accumulate) {
	column_sum<bf16, 1>(dst, x, n, width, rows, accumulate != 0);
}

// For many columns, a multiple of 4.
KERNEL __launch_bounds__(SUM_THREADS) column_sum4_f32(float *dst, const float *x, i64 n, i64 width, i64 rows, i64 accumulate) {
	column_sum<float, 4>(dst, x, n, width, rows, accumulate != 0);
}
KERNEL __launch_bounds__(SUM_THREADS) column_sum4_f64(double *dst, const double *x, i64 n, i64 width, i64 rows, i64 accumulate) {
	column_sum<double, 4>(dst, x, n, width, rows, accumulate != 0);
}
KERNEL __launch_bounds__(SUM_THREADS) column_sum4_bf16(float *dst, const bf16 *x, i64 n, i64 width, i64 rows, i64 accumulate) {
	column_sum<bf16, 4>(dst, x, n, width, rows, accumulate != 0);
}

// The operands of a layer norm's gradient. dx may be null. So may dw and db, which
// have a row of sums for each block's rows of x.
template <typename T> struct norm_grad {
	T *dx, *dw, *db;
	const T *x, *w, *mean, *rstd, *dy;
	i64 n, width, rows;
};

const int NORM_THREADS = 512; // most of a block
const int NORM_KEPT = 8;      // elements of a row that a thread keeps

// block_sums are two sums over a block at once.
template <typename T> DEVICE void block_sums(T &a, T &b) {
	SHARED(T, parts, 2 * WARP);
	int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
	a = warp_sum(a);
	b = warp_sum(b);
	__syncthreads();
	if (lane == 0) {
		parts[warp] = a;
		parts[WARP + warp] = b;
	}
	__syncthreads();
	a = warp_sum(lane < warps ? parts[lane] : T(0));
	b = warp_sum(lane < warps ? parts[WARP + lane] : T(0));
}

// A thread's share of a row: what it keeps in registers, and its sums of dw and db
// over the block's rows.
template <typename T, int N> struct norm_share {
	static constexpr int PACKS = NORM_KEPT / N;
	pack<T, N> x[PACKS], dy[PACKS], dw[PACKS], db[PACKS];
};

// What a row's elements have in common. Of g = dy*w, one and two are the means of
// g and g*xhat.
template <typename T> struct norm_row {
	i64 at; // its first element
	T mean, rstd, one, two;
};

template <typename T, int N> DEVICE void norm_means(const norm_grad<T> &a, norm_row<T> &r, const pack<T, N> &x, const pack<T, N> &dy, i64 i) {
	pack<T, N> w = load_pack<N>(a.w + i);
	for (int k = 0; k < N; k++) {
		T g = dy.v[k] * w.v[k];
		r.one += g;
		r.two += g * ((x.v[k] - r.mean) * r.rstd);
	}
}

// dx is rstd*(g - mean(g) - xhat*mean(g*xhat)).
template <typename T, int N> DEVICE void norm_dx(const norm_grad<T> &a, const norm_row<T> &r, const pack<T, N> &x, const pack<T, N> &dy, i64 i) {
	pack<T, N> w = load_pack<N>(a.w + i), dx;
	for (int k = 0; k < N; k++)
		dx.v[k] = r.rstd * (dy.v[k] * w.v[k] - r.one - (x.v[k] - r.mean) * r.rstd * r.two);
	store_pack<N>(a.dx + r.at + i, dx);
}

template <typename T, int N> DEVICE void norm_add(const norm_row<T> &r, const pack<T, N> &x, const pack<T, N> &dy, pack<T, N> &dw, pack<T, N> &db) {
	for (int k = 0; k < N; k++) {
		dw.v[k] += dy.v[k] * ((x.v[k] - r.mean) * r.rstd);
		db.v[k] += dy.v[k];
	}
}

// norm_add_far is norm_add for elements beyond those kept, whose sums lie in
// memory.
template <typename T, int N> DEVICE void norm_add_far(const norm_grad<T> &a, const norm_row<T> &r, const pack<T, N> &x, const pack<T, N> &dy, i64 i, bool first) {
	pack<T, N> dw = {}, db = {};
	i64 to = (i64)blockIdx.x * a.width + i;
	if (a.dw && !first)
		dw = load_pack<N>(a.dw + to);
	if (a.db && !first)
		db = load_pack<N>(a.db + to);
	norm_add(r, x, dy, dw, db);
	if (a.dw)
		store_pack<N>(a.dw + to, dw);
	if (a.db)
		store_pack<N>(a.db + to, db);
}

template <typename T, int N> DEVICE void layer_norm_grad_row(const norm_grad<T> &a, norm_share<T, N> &s, i64 n, bool first) {
	norm_row<T> r = {n * a.width, a.mean[n], a.rstd[n], T(0), T(0)};
	const T *x = a.x + r.at, *dy = a.dy + r.at;
	i64 step = blockDim.x * N, near = threadIdx.x * N, far = near + s.PACKS * step;
#pragma unroll
	for (int j = 0; j < s.PACKS; j++) {
		i64 i = near + j * step;
		if (i < a.width) {
			s.x[j] = load_pack<N>(x + i);
			s.dy[j] = load_pack<N>(dy + i);
		}
	}
#pragma unroll
	for (int j = 0; j < s.PACKS; j++) {
		i64 i = near + j * step;
		if (i >= a.width)
			continue;
		norm_add(r, s.x[j], s.dy[j], s.dw[j], s.db[j]);
		if (a.dx)
			norm_means(a, r, s.x[j], s.dy[j], i);
	}
	for (i64 i = far; i < a.width; i += step) {
		pack<T, N> v = load_pack<N>(x + i), g = load_pack<N>(dy + i);
		norm_add_far(a, r, v, g, i, first);
		if (a.dx)
			norm_means(a, r, v, g, i);
	}
	if (!a.dx)
		return;
	block_sums(r.one, r.two);
	r.one /= T(a.width);
	r.two /= T(a.width);
#pragma unroll
	for (int j = 0; j < s.PACKS; j++)
		if (near + j * step < a.width)
			norm_dx(a, r, s.x[j], s.dy[j], near + j * step);
	for (i64 i = far; i < a.width; i += step)
		norm_dx(a, r, load_pack<N>(x + i), load_pack<N>(dy + i), i);
}

// A block takes some rows one after another.
template <typename T, int N> DEVICE void layer_norm_grad(const norm_grad<T> &a) {
	norm_share<T, N> s = {};
	i64 first = blockIdx.x * a.rows, end = min(a.n, first + a.rows);
	for (i64 n = first; n < end; n++)
		layer_norm_grad_row(a, s, n, n == first);
#pragma unroll
	for (int j = 0; j < s.PACKS; j++) {
		i64 i = ((i64)j * blockDim.x + threadIdx.x) * N;
		if (i < a.width && a.dw)
			store_pack<N>(a.dw + blockIdx.x * a.width + i, s.dw[j]);
		if (i < a.width && a.db)
			store_pack<N>(a.db + blockIdx.x * a.width + i, s.db[j]);
	}
}

KERNEL __launch_bounds__(NORM_THREADS) layer_norm_grad_f32(norm_grad<float> a) {
	if (a.width % 4 == 0)
		layer_norm_grad<float, 4>(a);
	else
		layer_norm_grad<float, 1>(a);
}
KERNEL __launch_bounds__(NORM_THREADS) layer_norm_grad_f64(norm_grad<double> a) {
	if (a.width % 4 == 0)
		layer_norm_grad<double, 4>(a);
	else
		layer_norm_grad<double, 1>(a);
}
