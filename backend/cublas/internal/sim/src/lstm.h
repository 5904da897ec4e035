// One LSTM layer over a sequence: x (T, B, I), y and the states (T, B, H).
#ifndef SIM_LSTM_H
#define SIM_LSTM_H

#include <stddef.h>

struct Lstm {
	size_t T, B, I, H;

	// Offsets in the weight space, in floats: W (4H, I), R (4H, H), bW and bR
	// (4H), gates in the order input, forget, cell, output.
	size_t r() const { return 4 * H * I; }
	size_t bw() const { return r() + 4 * H * H; }
	size_t br() const { return bw() + 4 * H; }
	size_t weights() const { return br() + 4 * H; }

	// The reserve space after its header: gates (T, B, 4H), or after the backward
	// pass over the data their gradients, then cells (T, B, H).
	size_t gates() const { return T * B * 4 * H; }
	size_t reserve() const { return gates() + T * B * H; }
};

// lstm_forward writes y, gates and cells. hx and cx may be null, for zeros.
void lstm_forward(const Lstm &l, const float *x, const float *hx, const float *cx, const float *weights, float *y, float *gates, float *cells);

// lstm_backward_data puts the gates' gradients in their place and writes dx and,
// where they are not null, dhx and dcx. dhy and dcy may be null, for zeros.
void lstm_backward_data(const Lstm &l, const float *dy, const float *cx, const float *dhy, const float *dcy, const float *weights, float *dx, float *dhx, float *dcx, float *gates, const float *cells);

// lstm_backward_weights adds to the weights' gradients.
void lstm_backward_weights(const Lstm &l, const float *x, const float *hx, const float *y, const float *dgates, float *dweights);

#endif
