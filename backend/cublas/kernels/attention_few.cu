// Attention of up to four queries, without dropout: one token at a time. The keys
// of an entry, a sample and a head, are cut into spans of which each block takes
// one; a second kernel puts the spans together in their order. Keys and values
// are read once, as they lie.
const int QUERIES = 4, SPAN = 128, ROOM = 2048, THREADS = 256, SIDE = 64;

// A view (B, heads, rows, D) by its strides.
struct few_view {
	i64 sample, head, row, column;
};

// Pieces of keys and values, which have the same strides and dense rows.
struct few_piece {
	u64 keys, values;
	i64 rows, sample, head, row;
};
struct few_pieces {
	few_piece of[8];
};

// The gradients of a piece; null where nobody wants one.
struct few_grad {
	u64 keys, values;
	i64 sample, head, row;
};
struct few_grads {
	few_grad of[8];
};

struct few_call {
	i64 heads, queries, keys, width;
	i64 span, splits; // keys of a span, spans
	double scale;
};

// One query's factors of a span's rows.
template <typename T> struct few_factors {
	T of[SPAN];
};

// A block's part of the work: keys lo to lo+n-1 of head h of sample b.
struct few_part {
	i64 b, h, lo;
	int n, queries, width;
};

DEVICE few_part part_of(const few_call &c) {
	i64 entry = blockIdx.x / c.splits, lo = blockIdx.x % c.splits * c.span;
	i64 n = c.keys - lo < c.span ? c.keys - lo : c.span;
	few_part p = {entry / c.heads, entry % c.heads, lo, (int)n, (int)c.queries, (int)c.width};
	return p;
}

// seen is how many of a part's keys query t sees; it may be below 0.
DEVICE i64 seen_of(const few_call &c, const few_part &p, int t) {
	return c.keys - c.queries + t + 1 - p.lo;
}

// load copies the queries' rows of a view to shared memory.
template <typename T> DEVICE void load(T *dst, const T *src, const few_view &v, const few_part &p) {
	src += p.b * v.sample + p.h * v.head;
	for (int t = 0; t < p.queries; t++)
		for (int i = threadIdx.x; i < p.width; i += THREADS)
			dst[t * p.width + i] = src[t * v.row + i * v.column];
}

// find is the piece that holds row s of all, which becomes a row of the piece.
DEVICE int find(const few_pieces &pieces, i64 &s) {
	int i = 0;
	for (; s >= pieces.of[i].rows; i++)
		s -= pieces.of[i].rows;
	return i;
}

// locate writes where the rows of a part's keys and values are.
template <typename T>
DEVICE void locate(const T **keys, const T **values, const few_pieces &pieces, const few_part &p) {
	for (int j = threadIdx.x; j < p.n; j += THREADS) {
		i64 s = p.lo + j;
		const few_piece &piece = pieces.of[find(pieces, s)];
		i64 at = p.b * piece.sample + p.h * piece.head + s * piece.row;
		keys[j] = (const T *)piece.keys + at;
		values[j] = (const T *)piece.values + at;
	}
}

// dots writes the products of rows with the queries' rows x: a warp for four rows
// at a time.
template <typename T> DEVICE void dots(few_factors<T> *dst, const T **rows, const T *x, const few_part &p) {
	int lane = threadIdx.x % WARP;
	for (int j = threadIdx.x / WARP * 4; j < p.n; j += THREADS / WARP * 4) {
		T sum[4][QUERIES] = {};
		const T *row[4];
		for (int k = 0; k < 4; k++)
			row[k] = rows[j + k < p.n ? j + k : p.n - 1];
		for (int i = lane; i < p.width; i += WARP) {
			T v[4];
			for (int k = 0; k < 4; k++)
				v[k] = row[k][i];
			for (int t = 0; t < QUERIES; t++)
				if (t < p.queries)
					for (int k = 0; k < 4; k++)
						sum[k][t] += v[k] * x[t * p.width + i];
		}
		for (int t = 0; t < QUERIES; t++)
			if (t < p.queries)
				for (int k = 0; k < 4; k++) {
					T s = warp_sum(sum[k][t]);
					if (lane == 0 && j + k < p.n)
						dst[t].of[j + k] = s;
				}
	}
}

// mix writes, for each query, the sum of rows times its factors, stride elements
// after the one before. Where rows are short, groups of threads take turns with
// them; room holds the groups' sums.
template <typename T>
DEVICE void mix(T *dst, i64 stride, const T **rows, const few_factors<T> *factors, T *room, const few_part &p) {
	int columns = p.width < THREADS ? (p.width + WARP - 1) / WARP * WARP : THREADS;
	int groups = THREADS / columns, group = threadIdx.x / columns, column = threadIdx.x % columns;
	for (int from = 0; from < p.width; from += columns) {
		T sum[QUERIES] = {};
		int i = from + column;
		if (group < groups && i < p.width) {
#pragma unroll 8
			for (int j = group; j < p.n; j += groups) {
				T v = rows[j][i];
				for (int t = 0; t < QUERIES; t++)
					if (t < p.queries)
						sum[t] += factors[t].of[j] * v;
			}
		}
		for (int t = 0; t < QUERIES; t++) {
			if (t >= p.queries)
				break;
			__syncthreads();
			room[threadIdx.x] = sum[t];
			__syncthreads();
			if (group > 0 || i >= p.width)
				continue;
			T all = room[column];
			for (int g = 1; g < groups; g++)
				all += room[g * columns + column];
			dst[t * stride + i] = all;
		}
	}
}

// few writes, for each span and query, the sum of exponentials times values, the
// largest score and the sum of exponentials: (entries, splits, T, D+2).
template <typename T>
DEVICE void few(T *parts, const T *q, const few_view &v, const few_pieces &pieces, const few_call &c) {
	SHARED(const T *, keys, SPAN);
	SHARED(const T *, values, SPAN);
	SHARED(T, x, ROOM);
	SHARED(few_factors<T>, weights, QUERIES);
	SHARED(T, room, THREADS);
	few_part p = part_of(c);
	load(x, q, v, p);
	locate(keys, values, pieces, p);
	__syncthreads();
	dots(weights, keys, x, p);
	__syncthreads();
	parts += blockIdx.x * c.queries * (c.width + 2);
	int t = threadIdx.x / WARP, lane = threadIdx.x % WARP;
	if (t < p.queries) {
		i64 seen = seen_of(c, p, t);
		T s = (T)c.scale, most = -(T)__uint_as_float(0x7f800000u), sum = 0;
		for (int j = lane; j < p.n && j < seen; j += WARP) {
			T w = weights[t].of[j] * s;
			most = w > most || w != w ? w : most;
		}
		most = warp_max(most);
		for (int j = lane; j < p.n; j += WARP) {
			T w = j < seen ? exponential(weights[t].of[j] * s - most) : T(0);
			weights[t].of[j] = w;
			sum += w;
		}
		sum = warp_sum(sum);
		if (lane == 0) {
			parts[t * (c.width + 2) + c.width] = most;
			parts[t * (c.width + 2) + c.width + 1] = sum;
		}
	}
	__syncthreads();
	mix(parts, c.width + 2, values, weights, room, p);
}

KERNEL attention_few_f32(float *parts, const float *q, few_view v, few_pieces pieces, few_call c) { few(parts, q, v, pieces, c); }
KERNEL attention_few_f64(double *parts, const double *q, few_view v, few_pieces pieces, few_call c) { few(parts, q, v, pieces, c); }

// few_join puts the spans of a query together, for SIDE columns a block: the
// largest score of all, and the sums brought to it.
template <typename T>
DEVICE void few_join(T *out, const few_view &v, T *lse, const T *parts, const few_call &c) {
	SHARED(T, room, THREADS);
	i64 sides = (c.width + SIDE - 1) / SIDE, side = blockIdx.x % sides, row = blockIdx.x / sides;
	i64 t = row % c.queries, entry = row / c.queries, b = entry / c.heads, h = entry % c.heads;
	i64 stride = c.queries * (c.width + 2);
	parts += entry * c.splits * stride + t * (c.width + 2);
	T most = parts[c.width], sum = 0;
	for (i64 s = threadIdx.x; s < c.splits; s += THREADS) {
		T m = parts[s * stride + c.width];
		most = m > most || m != m ? m : most;
	}
	most = block_max(most);
	for (i64 s = threadIdx.x; s < c.splits; s += THREADS)
		sum += exponential(parts[s * stride + c.width] - most) * parts[s * stride + c.width + 1];
	sum = block_sum(sum);
	if (side == 0 && threadIdx.x == 0)
		lse[row] = most + logarithm(sum);
	i64 i = side * SIDE + threadIdx.x % SIDE;
	T mine = 0;
	if (i < c.width)
		for (i64 s = threadIdx.x / SIDE; s < c.splits; s += THREADS / SIDE)
			mine += exponential(parts[s * stride + c.width] - most) * parts[s * stride + i];
	room[threadIdx.x] = mine;
	__syncthreads();
	if (threadIdx.x >= SIDE || i >= c.width)
		return;
	for (int g = 1; g < THREADS / SIDE; g++)
		mine += room[g * SIDE + threadIdx.x];
	out[b * v.sample + h * v.head + t * v.row + i * v.column] = mine / sum;
}

KERNEL attention_few_join_f32(float *out, few_view v, float *lse, const float *parts, few_call c) { few_join(out, v, lse, parts, c); }
KERNEL attention_few_join_f64(double *out, few_view v, double *lse, const double *parts, few_call c) { few_join(out, v, lse, parts, c); }

// write is dst[i] = the sum over queries of factors[t].of[j] times row t of x.
template <typename T> DEVICE void write(T *dst, const few_factors<T> *factors, int j, const T *x, const few_part &p) {
	for (int i = threadIdx.x % WARP; i < p.width; i += WARP) {
		T sum = 0;
		for (int t = 0; t < p.queries; t++)
			sum += factors[t].of[j] * x[t * p.width + i];
		dst[i] = sum;
	}
}

// The operands of few_grad beside the pieces.
template <typename T> struct few_rows {
	const T *q, *dout, *out, *lse;
};
struct few_views {
	few_view q, dout, out;
};

// few_grad writes the gradients of a span's keys and values, and what they add
// to the queries', (entries, splits, T, D), where parts is not null.
template <typename T>
DEVICE void few_gradient(T *parts, const few_rows<T> &rows, const few_views &v, const few_pieces &pieces, const few_grads &grads, const few_call &c) {
	SHARED(const T *, keys, SPAN);
	SHARED(const T *, values, SPAN);
	SHARED(T, q, ROOM);
	SHARED(T, dout, ROOM);
	SHARED(few_factors<T>, weights, QUERIES);
	SHARED(few_factors<T>, dscores, QUERIES);
	SHARED(T, room, THREADS);
	few_part p = part_of(c);
	load(q, rows.q, v.q, p);
	load(dout, rows.dout, v.dout, p);
	locate(keys, values, pieces, p);
	__syncthreads();
	dots(weights, keys, q, p);
	dots(dscores, values, dout, p);
	__syncthreads();
	int t = threadIdx.x / WARP, lane = threadIdx.x % WARP;
	if (t < p.queries) {
		const T *out = rows.out + p.b * v.out.sample + p.h * v.out.head + t * v.out.row;
		T s = (T)c.scale, delta = 0, lse = rows.lse[(p.b * c.heads + p.h) * c.queries + t];
		for (int i = lane; i < p.width; i += WARP)
			delta += dout[t * p.width + i] * out[i * v.out.column];
		delta = warp_sum(delta);
		for (int j = lane; j < p.n; j += WARP) {
			T w = j < seen_of(c, p, t) ? exponential(weights[t].of[j] * s - lse) : T(0);
			weights[t].of[j] = w;
			dscores[t].of[j] = s * w * (dscores[t].of[j] - delta);
		}
	}
	__syncthreads();
	for (int j = threadIdx.x / WARP; j < p.n; j += THREADS / WARP) {
		i64 row = p.lo + j;
		const few_grad &g = grads.of[find(pieces, row)];
		i64 at = p.b * g.sample + p.h * g.head + row * g.row;
		if (g.keys)
			write((T *)g.keys + at, dscores, j, q, p);
		if (g.values)
			write((T *)g.values + at, weights, j, dout, p);
	}
	if (parts)
		mix(parts + blockIdx.x * c.queries * c.width, c.width, keys, dscores, room, p);
}

KERNEL attention_few_grad_f32(float *parts, few_rows<float> rows, few_views v, few_pieces pieces, few_grads grads, few_call c) {
	few_gradient(parts, rows, v, pieces, grads, c);
}
KERNEL attention_few_grad_f64(double *parts, few_rows<double> rows, few_views v, few_pieces pieces, few_grads grads, few_call c) {
	few_gradient(parts, rows, v, pieces, grads, c);
}

// few_add adds the spans' parts of the queries' gradients in their order.
template <typename T> DEVICE void few_add(T *dq, const few_view &v, const T *parts, i64 n, const few_call &c) {
	i64 row = c.queries * c.width;
	for (i64 i = thread_index(); i < n; i += thread_count()) {
		i64 entry = i / row, at = i % row, b = entry / c.heads, h = entry % c.heads;
		T sum = 0;
		for (i64 s = 0; s < c.splits; s++)
			sum += parts[(entry * c.splits + s) * row + at];
		dq[b * v.sample + h * v.head + at / c.width * v.row + at % c.width * v.column] = sum;
	}
}

KERNEL attention_few_add_f32(float *dq, few_view v, const float *parts, i64 n, few_call c) { few_add(dq, v, parts, n, c); }
KERNEL attention_few_add_f64(double *dq, few_view v, const double *parts, i64 n, few_call c) { few_add(dq, v, parts, n, c); }
