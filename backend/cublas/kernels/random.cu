// Numbers from the streams of keys. A thread makes the four of a block of the
// generator.

// each_word is dst[i] = f(the stream's word i).
template <typename T, typename F> DEVICE void each_word(T *dst, i64 n, u64 seed, u64 site_step, F f) {
	for (i64 i = 4 * thread_index(); i < n; i += 4 * thread_count()) {
		words4 r = philox((u64)i / 4, seed, (u32)site_step, (u32)(site_step >> 32));
		pack<T, 4> v;
		for (int k = 0; k < 4; k++)
			v.v[k] = f(r.w[k]);
		if (i + 4 <= n) {
			store_pack<4>(dst + i, v);
			continue;
		}
		for (int k = 0; i + k < n; k++)
			dst[i + k] = v.v[k];
	}
}

// from + range*u, u in [0, 1). The product is rounded before it is added, as on
// the CPU.
template <typename T> DEVICE void uniform(T *dst, i64 n, u64 seed, u64 site_step, double from, double range) {
	each_word(dst, n, seed, site_step, [=](u32 word) -> T { return (T)__dadd_rn(from, __dmul_rn(range, (double)unit_of(word))); });
}

// scale where the uniform number is below keep, else 0.
template <typename T> DEVICE void mask(T *dst, i64 n, u64 seed, u64 site_step, double keep, double scale) {
	each_word(dst, n, seed, site_step, [=](u32 word) -> T { return unit_of(word) < (float)keep ? (T)scale : T(0); });
}

KERNEL uniform_f32(float *dst, i64 n, u64 seed, u64 site_step, double from, double range) { uniform(dst, n, seed, site_step, from, range); }
KERNEL uniform_f64(double *dst, i64 n, u64 seed, u64 site_step, double from, double range) { uniform(dst, n, seed, site_step, from, range); }
KERNEL mask_f32(float *dst, i64 n, u64 seed, u64 site_step, double keep, double scale) { mask(dst, n, seed, site_step, keep, scale); }
KERNEL mask_f64(double *dst, i64 n, u64 seed, u64 site_step, double keep, double scale) { mask(dst, n, seed, site_step, keep, scale); }
