// Matrix products. Factors are packed as the type of the sums, op(a) with its m
// along the lines, op(b) with its k; sums over 256 terms are taken in their order,
// and then added up in theirs, all in float32 (or float64). Wider vectors change
// no bit: nothing is fused.
#include "product.h"

#include <algorithm>
#include <string.h>
#include <vector>

size_t size_of(int type) { return type == R_64F ? 8 : type == R_16BF ? 2 : 4; }

static float load(const unsigned short *p) {
	unsigned u = (unsigned)*p << 16;
	float x;
	memcpy(&x, &u, sizeof x);
	return x;
}
static float load(const float *p) { return *p; }
static double load(const double *p) { return *p; }

static void store(unsigned short *p, float x) { // to nearest, ties to even
	unsigned u;
	memcpy(&u, &x, sizeof u);
	if ((u & 0x7fffffffu) > 0x7f800000u)
		*p = (unsigned short)(u >> 16 | 0x40);
	else
		*p = (unsigned short)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}
static void store(float *p, float x) { *p = x; }
static void store(double *p, double x) { *p = x; }

// round_tf32 keeps ten bits of the fraction, ties away from zero.
static float round_tf32(float x) {
	unsigned u;
	memcpy(&u, &x, sizeof u);
	if ((u & 0x7f800000u) != 0x7f800000u)
		u = (u + 0x1000u) & ~0x1fffu;
	memcpy(&x, &u, sizeof x);
	return x;
}
static double round_tf32(double x) { return x; }

// pack copies a matrix whose element (i, j) lies at i*di + j*dj to to[i*columns + j].
template <typename S, typename T> static void pack(S *to, const T *from, size_t rows, size_t columns, size_t di, size_t dj, bool tf32) {
	const size_t TILE = 32;
	for (size_t i0 = 0; i0 < rows; i0 += TILE)
		for (size_t j0 = 0; j0 < columns; j0 += TILE)
			for (size_t i = i0; i < std::min(rows, i0 + TILE); i++)
				for (size_t j = j0; j < std::min(columns, j0 + TILE); j++) {
					S x = load(from + i * di + j * dj);
					to[i * columns + j] = tf32 ? round_tf32(x) : x;
				}
}

const size_t LINES = 128, COLUMNS = 4, TERMS = 256;

// tile adds to sums[c][i] the terms of up to TERMS of k: a[k*m + i] * b[c*kb + k].
template <typename S> __attribute__((always_inline)) static inline void tile_body(S (*sums)[LINES], const S *a, size_t m, const S *const *b, size_t lines, size_t terms) {
	S part[COLUMNS][LINES] = {};
	for (size_t k = 0; k < terms; k++, a += m)
		for (size_t i = 0; i < lines; i++) {
			S x = a[i];
			part[0][i] += x * b[0][k];
			part[1][i] += x * b[1][k];
			part[2][i] += x * b[2][k];
			part[3][i] += x * b[3][k];
		}
	for (size_t c = 0; c < COLUMNS; c++)
		for (size_t i = 0; i < lines; i++)
			sums[c][i] += part[c][i];
}

#if defined(__x86_64__)
template <typename S> __attribute__((target("avx2"))) static void tile_avx2(S (*sums)[LINES], const S *a, size_t m, const S *const *b, size_t lines, size_t terms) {
	tile_body(sums, a, m, b, lines, terms);
}
#endif

template <typename S> static void tile(S (*sums)[LINES], const S *a, size_t m, const S *const *b, size_t lines, size_t terms) {
#if defined(__x86_64__)
	static const bool wide = __builtin_cpu_supports("avx2");
	if (wide)
		return tile_avx2(sums, a, m, b, lines, terms);
#endif
	tile_body(sums, a, m, b, lines, terms);
}

template <typename S, typename C> static void put(const Product &p, C *c, const S (*sums)[LINES], size_t i0, size_t lines, size_t j0, size_t columns) {
	S alpha = (S)p.alpha, beta = (S)p.beta;
	for (size_t j = 0; j < columns; j++)
		for (size_t i = 0; i < lines; i++) {
			C *at = c + (j0 + j) * (size_t)p.c.ld + i0 + i;
			S x = p.alpha == 0 ? S(0) : alpha * sums[j][i];
			store(at, p.beta == 0 ? x : x + beta * load(at));
		}
}

// one multiplies one entry of a batch: a is k x m, b is n x k, packed.
template <typename S, typename C> static void one(const Product &p, const S *a, const S *b, C *c) {
	for (size_t i0 = 0; i0 < p.m; i0 += LINES) {
		size_t lines = std::min(LINES, p.m - i0);
		for (size_t j0 = 0; j0 < p.n; j0 += COLUMNS) {
			size_t columns = std::min(COLUMNS, p.n - j0);
			S sums[COLUMNS][LINES] = {};
			for (size_t k = 0; k < p.k; k += TERMS) {
				const S *row[COLUMNS];
				for (size_t j = 0; j < COLUMNS; j++)
					row[j] = b + std::min(j0 + j, p.n - 1) * p.k + k;
				tile(sums, a + k * p.m + i0, p.m, row, lines, std::min(TERMS, p.k - k));
			}
			put(p, c, sums, i0, lines, j0, columns);
		}
	}
}

template <typename S, typename T, typename C> static void run(const Product &p) {
	size_t k = p.alpha == 0 ? 0 : p.k;
	std::vector<S> a(k * p.m), b(k * p.n);
	Product q = p;
	q.k = k;
	for (long long e = 0; e < p.batch; e++) {
		if (e == 0 || p.a.stride)
			pack(a.data(), (const T *)p.a.at + e * p.a.stride, k, p.m, p.transa ? 1 : (size_t)p.a.ld, p.transa ? (size_t)p.a.ld : 1, p.tf32);
		if (e == 0 || p.b.stride)
			pack(b.data(), (const T *)p.b.at + e * p.b.stride, p.n, k, p.transb ? 1 : (size_t)p.b.ld, p.transb ? (size_t)p.b.ld : 1, p.tf32);
		one(q, a.data(), b.data(), (C *)p.c.at + e * p.c.stride);
	}
}

void multiply(const Product &p) {
	if (p.a.type == R_64F)
		run<double, double, double>(p);
	else if (p.a.type == R_32F)
		run<float, float, float>(p);
	else if (p.c.type == R_32F)
		run<float, unsigned short, float>(p);
	else
		run<float, unsigned short, unsigned short>(p);
}
