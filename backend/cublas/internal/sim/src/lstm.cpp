#include "lstm.h"
#include "product.h"

#include <math.h>
#include <string.h>
#include <vector>

// product is c (m, n) = op(a) op(b) + beta c, column-major.
static void product(bool transa, bool transb, size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b, size_t ldb, double beta, float *c, size_t ldc) {
	Product p = {};
	p.transa = transa, p.transb = transb;
	p.m = m, p.n = n, p.k = k, p.batch = 1;
	p.a = {(void *)a, R_32F, (long long)lda, 0};
	p.b = {(void *)b, R_32F, (long long)ldb, 0};
	p.c = {c, R_32F, (long long)ldc, 0};
	p.alpha = 1, p.beta = beta;
	multiply(p);
}

static float logistic(float x) { return 1 / (1 + expf(-x)); }

// cell takes one step's sums to gates, cells and outputs.
static void cell(const Lstm &l, float *gates, const float *before, float *cells, float *y) {
	for (size_t b = 0; b < l.B; b++)
		for (size_t j = 0; j < l.H; j++) {
			float *g = gates + b * 4 * l.H + j;
			float in = g[0] = logistic(g[0]), forget = g[l.H] = logistic(g[l.H]);
			float candidate = g[2 * l.H] = tanhf(g[2 * l.H]), out = g[3 * l.H] = logistic(g[3 * l.H]);
			size_t at = b * l.H + j;
			cells[at] = forget * (before ? before[at] : 0) + in * candidate;
			y[at] = out * tanhf(cells[at]);
		}
}

void lstm_forward(const Lstm &l, const float *x, const float *hx, const float *cx, const float *weights, float *y, float *gates, float *cells) {
	size_t G = 4 * l.H, step = l.B * l.H;
	product(true, false, G, l.T * l.B, l.I, weights, l.I, x, l.I, 0, gates, G);
	for (size_t t = 0; t < l.T; t++) {
		float *g = gates + t * l.B * G;
		const float *h = t ? y + (t - 1) * step : hx;
		if (h)
			product(true, false, G, l.B, l.H, weights + l.r(), l.H, h, l.H, 1, g, G);
		for (size_t b = 0; b < l.B; b++)
			for (size_t j = 0; j < G; j++)
				g[b * G + j] += weights[l.bw() + j] + weights[l.br() + j];
		cell(l, g, t ? cells + (t - 1) * step : cx, cells + t * step, y + t * step);
	}
}

// cell_backward takes the gradients of a step's outputs and cells to those of the
// sums before the gates, and of the cells before it.
static void cell_backward(const Lstm &l, float *gates, const float *before, const float *cells, const float *dh, float *dc) {
	for (size_t b = 0; b < l.B; b++)
		for (size_t j = 0; j < l.H; j++) {
			float *g = gates + b * 4 * l.H + j;
			float in = g[0], forget = g[l.H], candidate = g[2 * l.H], out = g[3 * l.H];
			size_t at = b * l.H + j;
			float squashed = tanhf(cells[at]);
			float d = dc[at] + dh[at] * out * (1 - squashed * squashed);
			g[0] = d * candidate * in * (1 - in);
			g[l.H] = d * (before ? before[at] : 0) * forget * (1 - forget);
			g[2 * l.H] = d * in * (1 - candidate * candidate);
			g[3 * l.H] = dh[at] * squashed * out * (1 - out);
			dc[at] = d * forget;
		}
}

void lstm_backward_data(const Lstm &l, const float *dy, const float *cx, const float *dhy, const float *dcy, const float *weights, float *dx, float *dhx, float *dcx, float *gates, const float *cells) {
	size_t G = 4 * l.H, step = l.B * l.H;
	std::vector<float> dh(step), dc(step);
	if (dhy)
		memcpy(dh.data(), dhy, step * sizeof(float));
	if (dcy)
		memcpy(dc.data(), dcy, step * sizeof(float));
	for (size_t t = l.T; t-- > 0;) {
		float *g = gates + t * l.B * G;
		for (size_t i = 0; i < step; i++)
			dh[i] += dy[t * step + i];
		cell_backward(l, g, t ? cells + (t - 1) * step : cx, cells + t * step, dh.data(), dc.data());
		product(false, false, l.H, l.B, G, weights + l.r(), l.H, g, G, 0, dh.data(), l.H);
	}
	product(false, false, l.I, l.T * l.B, G, weights, l.I, gates, G, 0, dx, l.I);
	if (dhx)
		memcpy(dhx, dh.data(), step * sizeof(float));
	if (dcx)
		memcpy(dcx, dc.data(), step * sizeof(float));
}

void lstm_backward_weights(const Lstm &l, const float *x, const float *hx, const float *y, const float *dgates, float *dweights) {
	size_t G = 4 * l.H, rows = l.T * l.B;
	product(false, true, l.I, G, rows, x, l.I, dgates, G, 1, dweights, l.I);
	if (hx)
		product(false, true, l.H, G, l.B, hx, l.H, dgates, G, 1, dweights + l.r(), l.H);
	if (l.T > 1)
		product(false, true, l.H, G, rows - l.B, y, l.H, dgates + l.B * G, G, 1, dweights + l.r(), l.H);
	for (size_t j = 0; j < G; j++) {
		float sum = 0;
		for (size_t i = 0; i < rows; i++)
			sum += dgates[i * G + j];
		dweights[l.bw() + j] += sum;
		dweights[l.br() + j] += sum;
	}
}
