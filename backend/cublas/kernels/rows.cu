// Folds of whole rows: softmax, cross-entropy and layer norm. A row has a team
// of threads: a warp where it is short, else a block (LONG).

const int LONG_THREADS = 512; // most of a block

template <bool LONG> DEVICE i64 team_row() {
	return LONG ? (i64)blockIdx.x : (i64)blockIdx.x * (blockDim.x / WARP) + threadIdx.x / WARP;
}

template <bool LONG> DEVICE int team_rank() { return LONG ? threadIdx.x : threadIdx.x % WARP; }

template <bool LONG> DEVICE int team_size() { return LONG ? blockDim.x : WARP; }

template <bool LONG, typename C> DEVICE C team_sum(C v) {
	if constexpr (LONG)
		return block_sum(v);
	else
		return warp_sum(v);
}

template <bool LONG, typename C> DEVICE C team_max(C v) {
	if constexpr (LONG)
		return block_max(v);
	else
		return warp_max(v);
}

// larger is the larger of two numbers, NaN where one of them is.
template <typename C> DEVICE C larger(C v, C w) { return w > v || w != w ? w : v; }

// each calls f(index of its first element) for the thread's packs of N elements.
template <int N, bool LONG, typename F> DEVICE void each(i64 width, F f) {
	for (i64 i = team_rank<LONG>() * N; i < width; i += team_size<LONG>() * N)
		f(i);
}

// exponentials is the sum of exp(x - top), and top the largest x so far.
template <typename T> struct exponentials {
	T top, sum;
};

// add adds elements, of which all but those of -Inf count.
template <typename T, int N> DEVICE void add(exponentials<T> &e, const pack<T, N> &x) {
	T top = e.top;
	for (int k = 0; k < N; k++)
		top = larger(top, x.v[k]);
	if (top == -infinity<T>())
		return;
	if (top != e.top) {
		e.sum *= exponential(e.top - top);
		e.top = top;
	}
	for (int k = 0; k < N; k++)
		e.sum += exponential(x.v[k] - top);
}

// team_exponentials puts the threads' parts together.
template <bool LONG, typename T> DEVICE exponentials<T> team_exponentials(const exponentials<T> &e) {
	T top = team_max<LONG>(e.top);
	exponentials<T> all = {top, team_sum<LONG>(e.sum * exponential(e.top - top))};
	return all;
}

// y is exp(x - top)/sum, or x - top - log(sum): x - top is exact for the elements
// that matter, where x less all else at once would lose digits to a large top.
template <typename T, int N, bool LONG> DEVICE void softmax(T *y, const T *x, i64 width, bool log) {
	exponentials<T> e = {-infinity<T>(), T(0)};
	each<N, LONG>(width, [&](i64 i) { add(e, load_pack<N>(x + i)); });
	e = team_exponentials<LONG>(e);
	T rest = log ? logarithm(e.sum) : T(1) / e.sum;
	each<N, LONG>(width, [&](i64 i) {
		pack<T, N> p = load_pack<N>(x + i);
		for (int k = 0; k < N; k++) {
			T v = p.v[k] - e.top;
			p.v[k] = log ? v - rest : exponential(v) * rest;
		}
		store_pack<N>(y + i, p);
	});
}

template <typename T, bool LONG> DEVICE void softmax_row(T *y, const T *x, i64 n, i64 width, i64 log) {
	i64 at = team_row<LONG>() * width;
	if (team_row<LONG>() >= n)
		return;
	if (width % 4 == 0)
		softmax<T, 4, LONG>(y + at, x + at, width, log != 0);
	else
		softmax<T, 1, LONG>(y + at, x + at, width, log != 0);
}

KERNEL softmax_short_f32(float *y, const float *x, i64 n, i64 width, i64 log) { softmax_row<float, false>(y, x, n, width, log); }
KERNEL softmax_short_f64(double *y, const double *x, i64 n, i64 width, i64 log) { softmax_row<double, false>(y, x, n, width, log); }
KERNEL __launch_bounds__(LONG_THREADS) softmax_long_f32(float *y, const float *x, i64 n, i64 width, i64 log) {
	softmax_row<float, true>(y, x, n, width, log);
}
KERNEL __launch_bounds__(LONG_THREADS) softmax_long_f64(double *y, const double *x, i64 n, i64 width, i64 log) {
	softmax_row<double, true>(y, x, n, width, log);
}

// dx is y*(dy - sum(dy*y)), or dy - exp(y)*sum(dy) where y is a logarithm.
template <typename T, int N, bool LONG> DEVICE void softmax_grad(T *dx, const T *y, const T *dy, i64 width, bool log) {
	T sum = 0;
	each<N, LONG>(width, [&](i64 i) {
		pack<T, N> a = load_pack<N>(y + i), g = load_pack<N>(dy + i);
		for (int k = 0; k < N; k++)
			sum += log ? g.v[k] : g.v[k] * a.v[k];
	});
	sum = team_sum<LONG>(sum);
	each<N, LONG>(width, [&](i64 i) {
		pack<T, N> a = load_pack<N>(y + i), g = load_pack<N>(dy + i);
		for (int k = 0; k < N; k++)
			g.v[k] = log ? g.v[k] - exponential(a.v[k]) * sum : a.v[k] * (g.v[k] - sum);
		store_pack<N>(dx + i, g);
	});
}

template <typename T, bool LONG> DEVICE void softmax_grad_row(T *dx, const T *y, const T *dy, i64 n, i64 width, i64 log) {
	i64 at = team_row<LONG>() * width;
	if (team_row<LONG>() >= n)
		return;
	if (width % 4 == 0)
		softmax_grad<T, 4, LONG>(dx + at, y + at, dy + at, width, log != 0);
	else
		softmax_grad<T, 1, LONG>(dx + at, y + at, dy + at, width, log != 0);
}

KERNEL softmax_grad_short_f32(float *dx, const float *y, const float *dy, i64 n, i64 width, i64 log) {
	softmax_grad_row<float, false>(dx, y, dy, n, width, log);
}
KERNEL softmax_grad_short_f64(double *dx, const double *y, const double *dy, i64 n, i64 width, i64 log) {
	softmax_grad_row<double, false>(dx, y, dy, n, width, log);
}
KERNEL __launch_bounds__(LONG_THREADS) softmax_grad_long_f32(float *dx, const float *y, const float *dy, i64 n, i64 width, i64 log) {
	softmax_grad_row<float, true>(dx, y, dy, n, width, log);
}
KERNEL __launch_bounds__(LONG_THREADS) softmax_grad_long_f64(double *dx, const double *y, const double *dy, i64 n, i64 width, i64 log) {
	softmax_grad_row<double, true>(dx, y, dy, n, width, log);
}

// biased is a pack of logits with their bias, where there is one.
template <typename T, int N> DEVICE pack<T, N> biased(pack<T, N> p, const T *bias, i64 i) {
	if (!bias)
		return p;
	pack<T, N> b = load_pack<N>(bias + i);
	for (int k = 0; k < N; k++)
		p.v[k] += b.v[k];
	return p;
}

// The logits of rows that are classified, with a bias that may be null.
template <typename T> struct classes {
	const T *x, *bias;
	const int *targets;
	i64 n, width;
};

// lse is log(sum(exp(x))), loss lse - x[target]; NaN where there is no such class.
template <typename T, int N, bool LONG> DEVICE void cross_entropy(T *loss, T *lse, const classes<T> &c, i64 r) {
	const T *x = c.x + r * c.width;
	exponentials<T> e = {-infinity<T>(), T(0)};
	each<N, LONG>(c.width, [&](i64 i) { add(e, biased(load_pack<N>(x + i), c.bias, i)); });
	e = team_exponentials<LONG>(e);
	if (team_rank<LONG>() != 0)
		return;
	T rest = logarithm(e.sum), at = infinity<T>() - infinity<T>();
	i64 k = c.targets[r];
	if (k >= 0 && k < c.width)
		at = c.bias ? x[k] + c.bias[k] : x[k];
	lse[r] = e.top + rest;
	loss[r] = e.top - at + rest;
}

template <typename T, bool LONG> DEVICE void cross_entropy_row(T *loss, T *lse, const classes<T> &c) {
	i64 r = team_row<LONG>();
	if (r >= c.n)
		return;
	if (c.width % 4 == 0)
		cross_entropy<T, 4, LONG>(loss, lse, c, r);
	else
		cross_entropy<T, 1, LONG>(loss, lse, c, r);
}

KERNEL cross_entropy_short_f32(float *loss, float *lse, classes<float> c) { cross_entropy_row<float, false>(loss, lse, c); }
KERNEL cross_entropy_short_f64(double *loss, double *lse, classes<double> c) { cross_entropy_row<double, false>(loss, lse, c); }
KERNEL __launch_bounds__(LONG_THREADS) cross_entropy_long_f32(float *loss, float *lse, classes<float> c) {
	cross_entropy_row<float, true>(loss, lse, c);
}
KERNEL __launch_bounds__(LONG_THREADS) cross_entropy_long_f64(double *loss, double *lse, classes<double> c) {
	cross_entropy_row<double, true>(loss, lse, c);
}

// d is (exp(x - lse) - onehot(target))*dloss. It may be x.
template <typename D, typename T, int N, bool LONG> DEVICE void cross_entropy_grad(D *d, const classes<T> &c, T lse, T dloss, i64 r) {
	i64 target = c.targets[r];
	each<N, LONG>(c.width, [&](i64 i) {
		pack<T, N> v = biased(load_pack<N>(c.x + r * c.width + i), c.bias, i);
		pack<D, N> to;
		for (int k = 0; k < N; k++) {
			T g = exponential(v.v[k] - lse) * dloss;
			narrow(&to.v[k], i + k == target ? g - dloss : g);
		}
		store_pack<N>(d + r * c.width + i, to);
	});
}

template <typename D, typename T, bool LONG> DEVICE void cross_entropy_grad_row(D *d, const classes<T> &c, const T *lse, const T *dloss) {
	i64 r = team_row<LONG>();
	if (r >= c.n)
		return;
	if (c.width % 4 == 0)
		cross_entropy_grad<D, T, 4, LONG>(d, c, lse[r], dloss[r], r);
	else
		cross_entropy_grad<D, T, 1, LONG>(d, c, lse[r], dloss[r], r);
}

KERNEL cross_entropy_grad_short_f32(float *d, classes<float> c, const float *lse, const float *dloss) {
	cross_entropy_grad_row<float, float, false>(d, c, lse, dloss);
}
KERNEL cross_entropy_grad_short_f64(double *d, classes<double> c, const double *lse, const double *dloss) {
	cross_entropy_grad_row<double, double, false>(d, c, lse, dloss);
}
KERNEL cross_entropy_grad_short_bf16(bf16 *d, classes<float> c, const float *lse, const float *dloss) {
	cross_entropy_grad_row<bf16, float, false>(d, c, lse, dloss);
}
KERNEL __launch_bounds__(LONG_THREADS) cross_entropy_grad_long_f32(float *d, classes<float> c, const float *lse, const float *dloss) {
	cross_entropy_grad_row<float, float, true>(d, c, lse, dloss);
}
KERNEL __launch_bounds__(LONG_THREADS) cross_entropy_grad_long_f64(double *d, classes<double> c, const double *lse, const double *dloss) {
	cross_entropy_grad_row<double, double, true>(d, c, lse, dloss);
}
KERNEL __launch_bounds__(LONG_THREADS) cross_entropy_grad_long_bf16(bf16 *d, classes<float> c, const float *lse, const float *dloss) {
	cross_entropy_grad_row<bf16, float, true>(d, c, lse, dloss);
}

// The results and operands of a layer norm: y = (x-mean)*rstd*w + b.
template <typename T> struct normed {
	T *y, *mean, *rstd;
	const T *x, *w, *b;
	i64 n, width;
};

// What a thread keeps of a row in registers, in packs of N elements; what is
// beyond them is read again.
template <typename T, int N, bool LONG> struct kept {
	static constexpr int PACKS = (LONG ? 16 : 32) / N;
	pack<T, N> packs[PACKS];
};

template <typename T, int N, bool LONG> DEVICE void keep(kept<T, N, LONG> &k, const T *row, i64 width) {
	i64 i = team_rank<LONG>() * N;
#pragma unroll
	for (int j = 0; j < k.PACKS; j++, i += team_size<LONG>() * N)
		if (i < width)
			k.packs[j] = load_pack<N>(row + i);
}

// each_kept calls f(pack, index of its first element) for the thread's packs.
template <typename T, int N, bool LONG, typename F> DEVICE void each_kept(const kept<T, N, LONG> &k, const T *row, i64 width, F f) {
	i64 i = team_rank<LONG>() * N;
#pragma unroll
	for (int j = 0; j < k.PACKS; j++, i += team_size<LONG>() * N)
		if (i < width)
			f(k.packs[j], i);
	for (; i < width; i += team_size<LONG>() * N)
		f(load_pack<N>(row + i), i);
}

template <typename T, int N, bool LONG> DEVICE void layer_norm(const normed<T> &a, i64 r, T eps) {
	const T *x = a.x + r * a.width;
	kept<T, N, LONG> row;
	keep(row, x, a.width);
	T sum = 0;
	each_kept(row, x, a.width, [&](const pack<T, N> &p, i64) {
		for (int k = 0; k < N; k++)
			sum += p.v[k];
	});
	T mean = team_sum<LONG>(sum) / T(a.width), squares = 0;
	each_kept(row, x, a.width, [&](const pack<T, N> &p, i64) {
		for (int k = 0; k < N; k++)
			squares += (p.v[k] - mean) * (p.v[k] - mean);
	});
	T rstd = T(1) / sqrt(team_sum<LONG>(squares) / T(a.width) + eps);
	each_kept(row, x, a.width, [&](const pack<T, N> &p, i64 i) {
		pack<T, N> w = load_pack<N>(a.w + i), b = load_pack<N>(a.b + i), to;
		for (int k = 0; k < N; k++)
			to.v[k] = (p.v[k] - mean) * rstd * w.v[k] + b.v[k];
		store_pack<N>(a.y + r * a.width + i, to);
	});
	if (team_rank<LONG>() == 0) {
		a.mean[r] = mean;
		a.rstd[r] = rstd;
	}
}

template <typename T, bool LONG> DEVICE void layer_norm_row(const normed<T> &a, double eps) {
	i64 r = team_row<LONG>();
	if (r >= a.n)
		return;
	if (a.width % 4 == 0)
		layer_norm<T, 4, LONG>(a, r, T(eps));
	else
		layer_norm<T, 1, LONG>(a, r, T(eps));
}

KERNEL layer_norm_short_f32(normed<float> a, double eps) { layer_norm_row<float, false>(a, eps); }
KERNEL layer_norm_short_f64(normed<double> a, double eps) { layer_norm_row<double, false>(a, eps); }
KERNEL __launch_bounds__(LONG_THREADS) layer_norm_long_f32(normed<float> a, double eps) { layer_norm_row<float, true>(a, eps); }
KERNEL __launch_bounds__(LONG_THREADS) layer_norm_long_f64(normed<double> a, double eps) { layer_norm_row<double, true>(a, eps); }
