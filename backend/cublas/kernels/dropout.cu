// y is x times the multipliers of a dropout site, four at a time: a draw of the
// generator makes four.
template <typename T> DEVICE void multiply(T *y, const T *x, i64 n, const dropout &d) {
	for (i64 i = 4 * thread_index(); i < n; i += 4 * thread_count()) {
		if (d.mask || d.keep >= 1 || i + 4 > n) {
			for (i64 j = i; j < min(n, i + 4); j++)
				y[j] = x[j] * dropped<T>(d, j);
			continue;
		}
		words4 r = philox((u64)i / 4, d.seed, (u32)d.site_step, (u32)(d.site_step >> 32));
		pack<T, 4> p = load_pack<4>(x + i);
		for (int k = 0; k < 4; k++)
			p.v[k] *= unit_of(r.w[k]) < (float)d.keep ? (T)d.scale : T(0);
		store_pack<4>(y + i, p);
	}
}

KERNEL dropout_f32(float *y, const float *x, i64 n, dropout d) { multiply(y, x, n, d); }
KERNEL dropout_f64(double *y, const double *x, i64 n, dropout d) { multiply(y, x, n, d); }
