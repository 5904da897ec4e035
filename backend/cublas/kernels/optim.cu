// The optimizers' steps.

// The constants of a direction; scales are the inverses of the moments' divisors.
struct adam {
	double beta1, rest1, beta2, rest2, scale1, scale2, eps, decay;
};

template <typename T> DEVICE T adam_step(const adam &a, T &m, T &v, T p, T g) {
	m = T(a.beta1) * m + T(a.rest1) * g;
	v = T(a.beta2) * v + T(a.rest2) * (g * g);
	return m * T(a.scale1) / (sqrt(v * T(a.scale2)) + T(a.eps)) + T(a.decay) * p;
}

template <typename T> DEVICE void adam_direction(T *u, T *m, T *v, const T *p, const T *g, i64 n, const adam &a) {
	for (i64 i = 4 * thread_index(); i < n; i += 4 * thread_count()) {
		if (i + 4 > n) {
			for (; i < n; i++)
				u[i] = adam_step(a, m[i], v[i], p[i], g[i]);
			return;
		}
		pack<T, 4> ms = load_pack<4>(m + i), vs = load_pack<4>(v + i), ps = load_pack<4>(p + i), gs = load_pack<4>(g + i);
		for (int k = 0; k < 4; k++)
			gs.v[k] = adam_step(a, ms.v[k], vs.v[k], ps.v[k], gs.v[k]);
		store_pack<4>(m + i, ms);
		store_pack<4>(v + i, vs);
		store_pack<4>(u + i, gs);
	}
}

KERNEL adam_direction_f32(float *u, float *m, float *v, const float *p, const float *g, i64 n, adam a) { adam_direction(u, m, v, p, g, n, a); }
KERNEL adam_direction_f64(double *u, double *m, double *v, const double *p, const double *g, i64 n, adam a) { adam_direction(u, m, v, p, g, n, a); }

const i64 PIECE = 8192; // elements that a block takes of a tensor

const int DESCENTS = 24; // of a launch

// x -= rate*u for each entry, whose pieces end before end.
template <typename T> struct descents {
	i64 count;
	T *x[DESCENTS];
	const T *u[DESCENTS];
	i64 n[DESCENTS], end[DESCENTS];
	double rate[DESCENTS];
};

template <typename T> DEVICE void descend(const descents<T> &d) {
	int e = 0;
	while (d.end[e] <= blockIdx.x)
		e++;
	T *x = d.x[e], rate = -T(d.rate[e]);
	const T *u = d.u[e];
	i64 first = (blockIdx.x - (e > 0 ? d.end[e - 1] : 0)) * PIECE, end = min(d.n[e], first + PIECE);
	for (i64 i = first + 4 * threadIdx.x; i < end; i += 4 * blockDim.x) {
		if (i + 4 > end) {
			for (; i < end; i++)
				x[i] += rate * u[i];
			return;
		}
		pack<T, 4> to = load_pack<4>(x + i), by = load_pack<4>(u + i);
		for (int k = 0; k < 4; k++)
			to.v[k] += rate * by.v[k];
		store_pack<4>(x + i, to);
	}
}

KERNEL descend_f32(descents<float> d) { descend(d); }
KERNEL descend_f64(descents<double> d) { descend(d); }
