// Folds over any axes. All are taken in double, whose maximum is exact for every
// type. The elements of a fold, counted row-major, are dealt out by the shapes
// alone, however they lie, so that a view and its copy give the same bits.

struct fold_sum {
	DEVICE double start() { return 0; }
	DEVICE double add(double total, double x) { return total + x; }
	DEVICE double join(double a, double b) { return a + b; }
};

// The larger number, NaN where one is.
struct fold_max {
	DEVICE double start() { return -infinity<double>(); }
	DEVICE double add(double total, double x) { return x > total || x != x ? x : total; }
	DEVICE double join(double a, double b) { return add(a, b); }
};

struct fold_squares {
	DEVICE double start() { return 0; }
	DEVICE double add(double total, double x) { return total + x * x; }
	DEVICE double join(double a, double b) { return a + b; }
};

// What is folded: n elements of x for each of the kept ones. Where a fold is cut
// into pieces, parts has a row of results for each.
struct plan {
	i64 n, piece, pieces; // elements of a fold, of a piece; pieces
	double *parts;
	walk<2> kept;   // dst, x
	walk<1> folded; // x
};

DEVICE double widen(int x) { return x; }

template <typename D> DEVICE void put(D *dst, const plan &p, i64 result, i64 piece, double total) {
	if (p.pieces > 1)
		p.parts[piece * p.kept.size + result] = total;
	else
		dst[places_of(p.kept, result).at[0]] = (D)total;
}

// A thread folds a few elements.
template <typename F, typename D, typename X> DEVICE void fold_few(D *dst, const X *x, const plan &p) {
	for (i64 result = thread_index(); result < p.kept.size; result += thread_count()) {
		places<2> at = places_of(p.kept, result);
		double total = F::start();
#pragma unroll 1
		for (i64 i = 0; i < p.n; i++)
			total = F::add(total, widen(x[at.at[1] + places_of(p.folded, i).at[0]]));
		dst[at.at[0]] = (D)total;
	}
}

const int RUN = 4; // elements side by side that a thread takes

// fold_share folds a thread's share of elements lo to hi-1: it is number rank of
// size.
template <typename F, typename X> DEVICE double fold_share(const X *x, const walk<1> &w, i64 lo, i64 hi, int rank, int size) {
	bool dense = w.rank == 1 && w.strides[0][0] == 1;
	double total = F::start();
	for (i64 i = lo + RUN * rank; i < hi; i += RUN * size) {
		if (dense && i + RUN <= hi) {
			pack<X, RUN> v = load_pack<RUN>(x + i);
			for (int k = 0; k < RUN; k++)
				total = F::add(total, widen(v.v[k]));
			continue;
		}
#pragma unroll 1
		for (i64 j = i; j < min(hi, i + RUN); j++)
			total = F::add(total, widen(x[places_of(w, j).at[0]]));
	}
	return total;
}

template <typename F> DEVICE double warp_fold(double v) {
	for (int d = WARP / 2; d > 0; d /= 2)
		v = F::join(v, __shfl_xor_sync(ALL, v, d));
	return v;
}

// A warp makes a result.
template <typename F, typename D, typename X> DEVICE void fold_short(D *dst, const X *x, const plan &p) {
	for (i64 result = thread_index() / WARP; result < p.kept.size; result += thread_count() / WARP) {
		const X *from = x + places_of(p.kept, result).at[1];
		double total = warp_fold<F>(fold_share<F>(from, p.folded, 0, p.n, threadIdx.x % WARP, WARP));
		if (threadIdx.x % WARP == 0)
			put(dst, p, result, 0, total);
	}
}

// block_fold is the fold of a block's threads, for its first one.
template <typename F> DEVICE double block_fold(double v) {
	SHARED(double, part, WARP);
	v = warp_fold<F>(v);
	if (threadIdx.x % WARP == 0)
		part[threadIdx.x / WARP] = v;
	__syncthreads();
	if (threadIdx.x == 0)
		for (int i = 1; i < (int)blockDim.x / WARP; i++)
			v = F::join(v, part[i]);
	return v;
}

// A block makes a result, or a piece of it.
template <typename F, typename D, typename X> DEVICE void fold_long(D *dst, const X *x, const plan &p) {
	i64 result = divide(blockIdx.x, p.pieces), piece = blockIdx.x - result * p.pieces;
	const X *from = x + places_of(p.kept, result).at[1];
	double total = fold_share<F>(from, p.folded, piece * p.piece, min(p.n, (piece + 1) * p.piece), threadIdx.x, blockDim.x);
	total = block_fold<F>(total);
	if (threadIdx.x == 0)
		put(dst, p, result, piece, total);
}

const int LANES = 16; // elements of a column that a block reads at a time
const int COLUMN_THREADS = LANES * WARP;

// A block makes WARP*N results that lie side by side, or a piece of them.
template <int N, typename F, typename D, typename X> DEVICE void fold_columns(D *dst, const X *x, const plan &p) {
	SHARED(double, parts, COLUMN_THREADS * N);
	i64 tiles = (p.kept.size + WARP * N - 1) / (WARP * N), piece = divide(blockIdx.x, tiles);
	i64 column = (blockIdx.x - piece * tiles) * WARP * N + threadIdx.x % WARP * N;
	int lane = threadIdx.x / WARP;
	double total[N];
	for (int k = 0; k < N; k++)
		total[k] = F::start();
	if (column < p.kept.size) {
		const X *from = x + places_of(p.kept, column).at[1];
		i64 end = min(p.n, (piece + 1) * p.piece);
#pragma unroll 4
		for (i64 i = piece * p.piece + lane; i < end; i += LANES) {
			pack<X, N> v = load_pack<N>(from + places_of(p.folded, i).at[0]);
			for (int k = 0; k < N; k++)
				total[k] = F::add(total[k], widen(v.v[k]));
		}
	}
	for (int k = 0; k < N; k++)
		parts[k * COLUMN_THREADS + threadIdx.x] = total[k];
	__syncthreads();
	if (lane != 0 || column >= p.kept.size)
		return;
	for (int k = 0; k < N; k++) {
		for (int i = 1; i < LANES; i++)
			total[k] = F::join(total[k], parts[k * COLUMN_THREADS + i * WARP + threadIdx.x]);
		put(dst, p, column + k, piece, total[k]);
	}
}

// The folds are numbered as in Go. Results are of type D.
#define FOLD(name, function, D, X) \
	KERNEL name(D *dst, const X *x, plan p, i64 fold) { \
		if (fold == 0) \
			function<fold_sum>(dst, x, p); \
		else if (fold == 1) \
			function<fold_max>(dst, x, p); \
		else \
			function<fold_squares>(dst, x, p); \
	}

#define FOLDS(suffix, D, X) \
	FOLD(fold_few_##suffix, fold_few, D, X) \
	FOLD(fold_short_##suffix, fold_short, D, X) \
	FOLD(fold_long_##suffix, fold_long, D, X) \
	FOLD(fold_columns_##suffix, fold_one_column, D, X) \
	FOLD(fold_columns4_##suffix, fold_four_columns, D, X)

template <typename F, typename D, typename X> DEVICE void fold_one_column(D *dst, const X *x, const plan &p) { fold_columns<1, F>(dst, x, p); }
template <typename F, typename D, typename X> DEVICE void fold_four_columns(D *dst, const X *x, const plan &p) { fold_columns<4, F>(dst, x, p); }

FOLDS(f32, float, float)
FOLDS(f64, double, double)
FOLDS(i32, int, int)
FOLDS(bf16, float, bf16)

// Parts are put together as columns of doubles.
FOLD(fold_parts_f32, fold_one_column, float, double)
FOLD(fold_parts_f64, fold_one_column, double, double)
FOLD(fold_parts_i32, fold_one_column, int, double)

const int SQUARES = 20; // tensors of a launch

// The sums of squares of dense tensors, in the order in which folds of theirs add:
// tensor e has n elements, of which a block's first so many threads add up a piece.
// Its pieces end before end, and its sum is element to of dst.
template <typename X> struct squares {
	i64 count;
	const X *x[SQUARES];
	i64 n[SQUARES], piece[SQUARES], threads[SQUARES], end[SQUARES], to[SQUARES];
};

template <typename X> DEVICE void sum_squares(double *parts, const squares<X> &s) {
	int e = 0;
	while (s.end[e] <= blockIdx.x)
		e++;
	i64 lo = (blockIdx.x - (e > 0 ? s.end[e - 1] : 0)) * s.piece[e];
	walk<1> dense = {s.n[e], 1, {s.n[e]}, {{1}}};
	double total = fold_squares::start();
	if (threadIdx.x < s.threads[e])
		total = fold_share<fold_squares>(s.x[e], dense, lo, min(s.n[e], lo + s.piece[e]), threadIdx.x, (int)s.threads[e]);
	total = block_fold<fold_squares>(total);
	if (threadIdx.x == 0)
		parts[blockIdx.x] = total;
}

KERNEL sum_squares_f32(double *parts, squares<float> s) { sum_squares(parts, s); }
KERNEL sum_squares_f64(double *parts, squares<double> s) { sum_squares(parts, s); }

// A warp adds up the parts of one tensor, as fold_columns does.
template <typename D> DEVICE void sum_parts(D *dst, const double *parts, const squares<D> &s) {
	SHARED(double, lanes, WARP);
	double total = 0;
	i64 first = blockIdx.x > 0 ? s.end[blockIdx.x - 1] : 0;
	if (threadIdx.x < LANES)
		for (i64 i = first + threadIdx.x; i < s.end[blockIdx.x]; i += LANES)
			total += parts[i];
	lanes[threadIdx.x] = total;
	__syncwarp();
	if (threadIdx.x != 0)
		return;
	for (int i = 1; i < LANES; i++)
		total += lanes[i];
	dst[s.to[blockIdx.x]] = (D)total;
}

KERNEL sum_parts_f32(float *dst, const double *parts, squares<float> s) { sum_parts(dst, parts, s); }
KERNEL sum_parts_f64(double *dst, const double *parts, squares<double> s) { sum_parts(dst, parts, s); }
