// Boom between its two products: u, which has the product, gets the bias, and y
// the sum of the chunks of drop(GELU(u)), chunks of y's width; what is left of u
// past the last whole chunk gets the bias alone. U is u's type, T that of the
// rest. A thread walks down the chunks V columns at a time.

template <typename T, int V> struct alignas(sizeof(T) * V > 16 ? 16 : sizeof(T) * V) several {
	T v[V];
};

template <int V, typename T, typename C> DEVICE void load(const T *p, C *v) {
	several<T, V> s = *(const several<T, V> *)p;
	for (int i = 0; i < V; i++)
		v[i] = widen(s.v[i]);
}

template <int V, typename T, typename C> DEVICE void store(T *p, const C *v) {
	several<T, V> s;
	for (int i = 0; i < V; i++)
		narrow(s.v + i, v[i]);
	*(several<T, V> *)p = s;
}

// multipliers are those of V elements from i on, a multiple of V. Four elements
// have their words from one philox.
template <typename T, int V, typename C> DEVICE void multipliers(const dropout &d, i64 i, C *m) {
	if (d.mask) {
		load<V>((const T *)d.mask + i, m);
		return;
	}
	if constexpr (V == 1) {
		m[0] = dropped<T>(d, i);
	} else {
		static_assert(V == 4, "philox gives four words");
		words4 r = {{0, 0, 0, 0}};
		if (d.keep < 1)
			r = philox((u64)i / 4, d.seed, (u32)d.site_step, (u32)(d.site_step >> 32));
		for (int k = 0; k < 4; k++)
			m[k] = d.keep >= 1 ? C(1) : unit_of(r.w[k]) < (float)d.keep ? (C)d.scale : C(0);
	}
}

template <typename U, typename T, int V> DEVICE void boom(T *y, U *u, const T *bias, i64 rows, i64 width, i64 inner, const dropout &d) {
	typedef typename compute<T>::type C;
	i64 across = width / V, used = inner / width * width;
	for (i64 t = thread_index(); t < rows * across; t += thread_count()) {
		i64 row = t / across, column = t % across * V;
		C sum[V];
		for (int i = 0; i < V; i++)
			sum[i] = 0;
		for (i64 at = column; at < inner; at += width) {
			C v[V], add[V], m[V];
			load<V>(u + row * inner + at, v);
			load<V>(bias + at, add);
			for (int i = 0; i < V; i++)
				v[i] += add[i];
			store<V>(u + row * inner + at, v);
			if (at >= used)
				break;
			multipliers<T, V>(d, row * inner + at, m);
			for (int i = 0; i < V; i++)
				sum[i] += gelu(v[i]) * m[i];
		}
		store<V>(y + row * width + column, sum);
	}
}

// boom_grad is the gradient of u, which may take u's place: 0 past the chunks.
template <typename U, typename T, int V> DEVICE void boom_grad(U *du, const U *u, const T *dy, i64 rows, i64 width, i64 inner, const dropout &d) {
	typedef typename compute<T>::type C;
	i64 across = width / V, used = inner / width * width;
	for (i64 t = thread_index(); t < rows * across; t += thread_count()) {
		i64 row = t / across, column = t % across * V;
		C g[V];
		load<V>(dy + row * width + column, g);
		for (i64 at = column; at < inner; at += width) {
			C v[V], m[V];
			for (int i = 0; i < V; i++)
				v[i] = 0;
			if (at < used) {
				load<V>(u + row * inner + at, v);
				multipliers<T, V>(d, row * inner + at, m);
				for (int i = 0; i < V; i++)
					v[i] = g[i] * m[i] * gelu_grad(v[i]);
			}
			store<V>(du + row * inner + at, v);
		}
	}
}

#define BOOM(U, T, V, name) \
	KERNEL boom_##name(T *y, U *u, const T *bias, i64 rows, i64 width, i64 inner, dropout d) { boom<U, T, V>(y, u, bias, rows, width, inner, d); } \
	KERNEL boom_grad_##name(U *du, const U *u, const T *dy, i64 rows, i64 width, i64 inner, dropout d) { boom_grad<U, T, V>(du, u, dy, rows, width, inner, d); }

BOOM(bf16, float, 1, bf16_1)
BOOM(bf16, float, 4, bf16_4)
BOOM(float, float, 1, f32_1)
BOOM(float, float, 4, f32_4)
BOOM(double, double, 1, f64_1)
BOOM(double, double, 4, f64_4)
