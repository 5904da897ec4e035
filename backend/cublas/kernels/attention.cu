// Attention in blocks of queries, whose scores are products by cuBLAS. A block
// holds the queries first to first+rows-1 of some entries: the heads head to
// head+across-1 of each sample from sample on. Its scores are (entries, rows, ld),
// of which each query sees a beginning; columns of them are read by products.
struct attention_block {
	i64 sample, head, across, heads;
	i64 rows, first, queries, keys;
	i64 ld, columns;
};

// A row of a block: a query of a sample and a head.
struct attention_row {
	i64 at;     // its first score
	i64 number; // of the query, over (B, heads, T)
	i64 seen;   // keys
};

DEVICE attention_row row_of(const attention_block &a, i64 r) {
	i64 entry = r / a.rows, t = a.first + r % a.rows;
	i64 b = a.sample + entry / a.across, h = a.head + entry % a.across;
	attention_row row = {r * a.ld, (b * a.heads + h) * a.queries + t, a.keys - a.queries + t + 1};
	return row;
}

DEVICE bool is_on(const dropout &d) { return d.mask || d.keep < 1; }

// dropped4 are the multipliers of elements 4*quad to 4*quad+3, of which those
// from lo to hi-1 are there. One draw makes four.
template <typename T, typename C> DEVICE void dropped4(const dropout &d, i64 quad, i64 lo, i64 hi, C m[4]) {
	if (d.mask) {
		for (int k = 0; k < 4; k++) {
			i64 i = 4 * quad + k;
			m[k] = i >= lo && i < hi ? widen(((const T *)d.mask)[i]) : C(0);
		}
		return;
	}
	words4 r = philox((u64)quad, d.seed, (u32)d.site_step, (u32)(d.site_step >> 32));
	for (int k = 0; k < 4; k++)
		m[k] = unit_of(r.w[k]) < (float)d.keep ? (C)d.scale : C(0);
}

// softmax turns a row of scores, of which each thread then reads what it writes,
// into weights times their multipliers: a block for each row.
template <typename F, typename T>
DEVICE void softmax(F *weights, const T *scores, T *lse, const attention_block &a, const dropout &d, double scale) {
	attention_row row = row_of(a, blockIdx.x);
	const T *x = scores + row.at;
	F *y = weights + row.at;
	T s = (T)scale, most = x[0] * s, sum = 0;
	for (i64 i = threadIdx.x; i < row.seen; i += blockDim.x) {
		T v = x[i] * s;
		most = v > most || v != v ? v : most;
	}
	most = block_max(most);
	for (i64 i = threadIdx.x; i < row.seen; i += blockDim.x)
		sum += exponential(x[i] * s - most);
	sum = block_sum(sum);
	if (threadIdx.x == 0)
		lse[row.number] = most + logarithm(sum);
	for (i64 i = row.seen + threadIdx.x; i < a.columns; i += blockDim.x)
		narrow(y + i, T(0));
	if (!is_on(d)) {
		for (i64 i = threadIdx.x; i < row.seen; i += blockDim.x)
			narrow(y + i, exponential(x[i] * s - most) / sum);
		return;
	}
	i64 lo = row.number * a.keys, hi = lo + row.seen;
	for (i64 quad = lo / 4 + threadIdx.x; 4 * quad < hi; quad += blockDim.x) {
		T m[4];
		dropped4<T>(d, quad, lo, hi, m);
		for (int k = 0; k < 4; k++) {
			i64 i = 4 * quad + k - lo;
			if (i >= 0 && i < row.seen)
				narrow(y + i, exponential(x[i] * s - most) / sum * m[k]);
		}
	}
}

KERNEL attention_softmax_f32(float *weights, const float *scores, float *lse, attention_block a, dropout d, double scale) {
	softmax(weights, scores, lse, a, d, scale);
}
KERNEL attention_softmax_f64(double *weights, const double *scores, double *lse, attention_block a, dropout d, double scale) {
	softmax(weights, scores, lse, a, d, scale);
}
KERNEL attention_softmax_bf16(bf16 *weights, const float *scores, float *lse, attention_block a, dropout d, double scale) {
	softmax(weights, scores, lse, a, d, scale);
}

// A row's sums that its gradient needs, by the row's number.
template <typename T> struct attention_sums {
	const T *lse, *delta;
};

// grad_at is one element of a row's gradient, m its multiplier.
template <typename F, typename T>
DEVICE void grad_at(F *weights, F *dscores, T score, const T *dweights, i64 i, T m, T lse, T delta, T s) {
	T w = exponential(score * s - lse);
	if (weights)
		narrow(weights + i, w * m);
	if (dscores)
		narrow(dscores + i, s * w * (dweights[i] * m - delta));
}

// weigh turns scores into weights times their multipliers, and the gradient of
// those into that of the products of queries and keys: a block for each row.
// weights or dscores may be null, weights may be scores, dscores dweights.
template <typename F, typename T>
DEVICE void weigh(F *weights, F *dscores, const T *scores, const T *dweights, const attention_sums<T> &sums, const attention_block &a, const dropout &d, double scale) {
	attention_row row = row_of(a, blockIdx.x);
	scores += row.at;
	weights = weights ? weights + row.at : weights;
	dscores = dscores ? dscores + row.at : dscores;
	dweights = dscores ? dweights + row.at : dweights;
	T lse = sums.lse[row.number], delta = dscores ? sums.delta[row.number] : T(0), s = (T)scale;
	for (i64 i = row.seen + threadIdx.x; i < a.columns; i += blockDim.x) {
		if (weights)
			narrow(weights + i, T(0));
		if (dscores)
			narrow(dscores + i, T(0));
	}
	if (!is_on(d)) {
		for (i64 i = threadIdx.x; i < row.seen; i += blockDim.x)
			grad_at(weights, dscores, scores[i], dweights, i, T(1), lse, delta, s);
		return;
	}
	i64 lo = row.number * a.keys, hi = lo + row.seen;
	for (i64 quad = lo / 4 + threadIdx.x; 4 * quad < hi; quad += blockDim.x) {
		T m[4];
		dropped4<T>(d, quad, lo, hi, m);
		for (int k = 0; k < 4; k++) {
			i64 i = 4 * quad + k - lo;
			if (i >= 0 && i < row.seen)
				grad_at(weights, dscores, scores[i], dweights, i, m[k], lse, delta, s);
		}
	}
}

KERNEL attention_weigh_f32(float *weights, float *dscores, const float *scores, const float *dweights, attention_sums<float> sums, attention_block a, dropout d, double scale) {
	weigh(weights, dscores, scores, dweights, sums, a, d, scale);
}
KERNEL attention_weigh_f64(double *weights, double *dscores, const double *scores, const double *dweights, attention_sums<double> sums, attention_block a, dropout d, double scale) {
	weigh(weights, dscores, scores, dweights, sums, a, d, scale);
}
KERNEL attention_weigh_bf16(bf16 *weights, bf16 *dscores, const float *scores, const float *dweights, attention_sums<float> sums, attention_block a, dropout d, double scale) {
	weigh(weights, dscores, scores, dweights, sums, a, d, scale);
}

// A view (B, heads, rows, D) by its strides.
struct attention_view {
	i64 sample, head, row, column;
};

// delta is the product of each query's result with its gradient, over (B, heads,
// T): a warp for each.
template <typename T>
DEVICE void delta(T *dst, const T *out, attention_view o, const T *dout, attention_view g, i64 batch, i64 heads, i64 queries, i64 width) {
	i64 lane = threadIdx.x % WARP;
	for (i64 r = thread_index() / WARP; r < batch * heads * queries; r += thread_count() / WARP) {
		i64 b = r / (heads * queries), h = r / queries % heads, t = r % queries;
		const T *x = out + b * o.sample + h * o.head + t * o.row, *y = dout + b * g.sample + h * g.head + t * g.row;
		T sum = 0;
		for (i64 i = lane; i < width; i += WARP)
			sum += x[i * o.column] * y[i * g.column];
		sum = warp_sum(sum);
		if (lane == 0)
			dst[r] = sum;
	}
}

KERNEL attention_delta_f32(float *dst, const float *out, attention_view o, const float *dout, attention_view g, i64 batch, i64 heads, i64 queries, i64 width) {
	delta(dst, out, o, dout, g, batch, heads, queries, width);
}
KERNEL attention_delta_f64(double *dst, const double *out, attention_view o, const double *dout, attention_view g, i64 batch, i64 heads, i64 queries, i64 width) {
	delta(dst, out, o, dout, g, batch, heads, queries, width);
}

// Some rows of values: those of the heads head to head+across-1 of samples from
// sample on, of batch samples with heads heads; the first is row first of all.
struct attention_values {
	i64 samples, across, rows, width;
	i64 sample, head, batch, heads, first;
};

// drop multiplies values by their multipliers, which are counted over (S, B,
// heads*D): a warp for each row. dst may be src.
template <typename F, typename T>
DEVICE void drop(F *dst, attention_view to, const T *src, attention_view from, const attention_values &v, const dropout &d) {
	i64 lane = threadIdx.x % WARP;
	for (i64 r = thread_index() / WARP; r < v.samples * v.across * v.rows; r += thread_count() / WARP) {
		i64 b = r / (v.across * v.rows), h = r / v.rows % v.across, row = r % v.rows;
		const T *x = src + b * from.sample + h * from.head + row * from.row;
		F *y = dst + b * to.sample + h * to.head + row * to.row;
		i64 lo = (((v.first + row) * v.batch + v.sample + b) * v.heads + v.head + h) * v.width, hi = lo + v.width;
		for (i64 quad = lo / 4 + lane; 4 * quad < hi; quad += WARP) {
			T m[4];
			dropped4<T>(d, quad, lo, hi, m);
			for (int k = 0; k < 4; k++) {
				i64 i = 4 * quad + k - lo;
				if (i >= 0 && i < v.width)
					narrow(y + i * to.column, x[i * from.column] * m[k]);
			}
		}
	}
}

KERNEL attention_drop_f32(float *dst, attention_view to, const float *src, attention_view from, attention_values v, dropout d) {
	drop(dst, to, src, from, v, d);
}
KERNEL attention_drop_f64(double *dst, attention_view to, const double *src, attention_view from, attention_values v, dropout d) {
	drop(dst, to, src, from, v, d);
}
KERNEL attention_drop_bf16(bf16 *dst, attention_view to, const float *src, attention_view from, attention_values v, dropout d) {
	drop(dst, to, src, from, v, d);
}
