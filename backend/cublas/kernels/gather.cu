// Rows of tables: looking them up, and adding to them. Indices that no row has read
// as elements whose bits are all set, which is NaN, and add nothing.

const int LANES = 4; // elements that a thread takes at a time

// A table of rows, step apart, and the list of places at which rows are looked up
// or added: where they lie in that tensor, and where their indices do.
struct table {
	i64 rows, step;
	walk<2> list;
};

DEVICE void set_all(double *p) { *p = __longlong_as_double(-1); }
DEVICE void set_all(float *p) { *p = __uint_as_float(ALL); }
DEVICE void set_all(bf16 *p) { p->bits = 0xffff; }

DEVICE void take(double *p, double x) { *p = x; }
DEVICE void take(float *p, float x) { *p = x; }
DEVICE void take(float *p, bf16 x) { *p = widen(x); }
DEVICE void take(bf16 *p, bf16 x) { *p = x; }

// s steps over a row of dst and x.
template <typename D, typename T> DEVICE void gather(D *dst, const T *x, const int *index, const table &t, const steps<2> &s) {
	for (i64 i = thread_index(); i < t.list.size * s.w.size; i += thread_count()) {
		i64 place = divide(i, s.w.size);
		places<2> list = places_of(t.list, place);
		i64 row = index[list.at[1]];
		bool known = row >= 0 && row < t.rows;
		D *to = dst + list.at[0];
		const T *from = x + row * t.step;
		step_at<LANES>(
			s, i - place * s.w.size,
			[&](const places<2> &p) {
				if (known)
					take(to + p.at[0], from[p.at[1]]);
				else
					set_all(to + p.at[0]);
			},
			[&](const places<2> &p) {
				pack<D, LANES> v;
				if (known) {
					pack<T, LANES> w = lanes_of<LANES>(from, 1, s, p);
					for (int k = 0; k < LANES; k++)
						take(&v.v[k], w.v[k]);
				} else {
					for (int k = 0; k < LANES; k++)
						set_all(&v.v[k]);
				}
				store_pack<LANES>(to + p.at[0], v);
			});
	}
}

// By the bytes of an element, and of stored weights.
KERNEL gather_8(double *dst, const double *x, const int *index, table t, steps<2> s) { gather(dst, x, index, t, s); }
KERNEL gather_4(float *dst, const float *x, const int *index, table t, steps<2> s) { gather(dst, x, index, t, s); }
KERNEL gather_2(bf16 *dst, const bf16 *x, const int *index, table t, steps<2> s) { gather(dst, x, index, t, s); }
KERNEL gather_bf16(float *dst, const bf16 *x, const int *index, table t, steps<2> s) { gather(dst, x, index, t, s); }

// Rows of Int8 are blocks of a float, the scale, and 32 signed bytes; step counts
// words of 4 bytes. row steps over a row of dst.
KERNEL gather_i8(float *dst, const float *x, const int *index, table t, walk<1> row) {
	for (i64 i = thread_index(); i < t.list.size * row.size; i += thread_count()) {
		i64 place = divide(i, row.size), element = i - place * row.size;
		places<2> list = places_of(t.list, place);
		i64 k = index[list.at[1]];
		float *to = dst + list.at[0] + places_of(row, element).at[0];
		if (k < 0 || k >= t.rows) {
			set_all(to);
			continue;
		}
		const float *block = x + k * t.step + element / 32 * 9;
		*to = *block * (float)((const signed char *)(block + 1))[element % 32];
	}
}

const int QUADS = 512; // of indices that a block reads at a time

DEVICE int below(int4 v, int limit) { return (v.x < limit) + (v.y < limit) + (v.z < limit) + (v.w < limit); }

// index_at is the index of a place; those that no row has come after all others.
DEVICE int index_at(const int *index, const table &t, i64 place) {
	i64 k = index[places_of(t.list, place).at[1]];
	return (int)(k >= 0 && k < t.rows ? k : t.rows);
}

// sort_indices sorts n places from lo on by their indices, those of one index in
// their order. A place comes after all that have a smaller index and those before
// it that have the same: each thread counts them.
KERNEL sort_indices(int *keys, int *order, const int *index, table t, i64 lo, i64 n) {
	SHARED(int4, quads, QUADS);
	int *some = (int *)quads;
	i64 own = thread_index();
	int key = own < n ? index_at(index, t, lo + own) : 0, rank = 0;
	for (i64 first = 0; first < n; first += 4 * QUADS) {
		__syncthreads();
		for (int i = threadIdx.x; i < 4 * QUADS; i += blockDim.x)
			some[i] = first + i < n ? index_at(index, t, lo + first + i) : 0x7fffffff;
		__syncthreads();
		int count = (int)min((i64)QUADS, (n - first + 3) / 4);
		int before = (int)max((i64)0, min(own - first, (i64)4 * count)), q = 0;
#pragma unroll 8
		for (; q < before / 4; q++)
			rank += below(quads[q], key + 1);
#pragma unroll 8
		for (; q < count; q++)
			rank += below(quads[q], key);
		for (int i = before / 4 * 4; i < before; i++)
			rank += some[i] == key;
	}
	if (own >= n)
		return;
	keys[rank] = key;
	order[rank] = (int)own;
}

// first_of is how many of n sorted keys are less than key.
DEVICE i64 first_of(const int *keys, i64 n, i64 key) {
	i64 lo = 0;
	while (lo < n) {
		i64 middle = (lo + n) / 2;
		if (keys[middle] < key)
			lo = middle + 1;
		else
			n = middle;
	}
	return lo;
}

// The sorted places, n of them from lo on, and whether there is a team for each row
// of the table or for each place, of which the first of an index works.
struct sorted {
	const int *keys, *order;
	i64 lo, n, by_row;
};

// A warp adds to some elements of a row, side by side, in the order of places. row
// steps over a row of dst and x.
template <typename T> DEVICE void scatter_add(T *dst, const T *x, const table &t, const walk<2> &row, const sorted &s) {
	i64 warp = thread_index() / WARP, tiles = (row.size + WARP - 1) / WARP, team = divide(warp, tiles);
	int lane = threadIdx.x % WARP;
	i64 first = s.by_row ? first_of(s.keys, s.n, team) : team;
	if (first >= s.n)
		return;
	i64 key = s.keys[first];
	if (s.by_row ? key != team : key >= t.rows || (first > 0 && s.keys[first - 1] == key))
		return;
	i64 end = first_of(s.keys, s.n, key + 1), element = (warp - team * tiles) * WARP + lane;
	bool inside = element < row.size;
	places<2> p = places_of(row, inside ? element : 0);
	T *to = dst + key * t.step + p.at[0], total = inside ? *to : T(0);
	x += p.at[1];
	for (; first < end; first += WARP) {
		int count = (int)min((i64)WARP, end - first);
		i64 place = lane < count ? places_of(t.list, s.lo + s.order[first + lane]).at[0] : 0;
		T v[WARP];
#pragma unroll
		for (int k = 0; k < WARP; k++) { // none waits for another
			i64 at = __shfl_sync(ALL, place, k);
			if (k < count)
				v[k] = x[at];
		}
#pragma unroll
		for (int k = 0; k < WARP; k++)
			if (k < count)
				total += v[k];
	}
	if (inside)
		*to = total;
}

KERNEL scatter_add_f32(float *dst, const float *x, table t, walk<2> row, sorted s) { scatter_add(dst, x, t, row, s); }
KERNEL scatter_add_f64(double *dst, const double *x, table t, walk<2> row, sorted s) { scatter_add(dst, x, t, row, s); }
KERNEL scatter_add_i32(u32 *dst, const u32 *x, table t, walk<2> row, sorted s) { scatter_add(dst, x, t, row, s); }
