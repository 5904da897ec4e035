// The elementwise part of one step of an LSTM, gates in the order i, f, g, o:
//
//	c = s(z_f)*c + s(z_i)*tanh(z_g);  h = s(z_o)*tanh(c)
//
// T is the type of states, G that in which gates are kept.

// One step. z is h Whh^T, to which gates' input products are added where inputs
// is not 0; activations take their place. h goes to y, and to hn and narrow_h
// where they are not null; c goes to cells, and to cn where it is not null.
template <typename T, typename G> struct step {
	G *gates;   // (B, 4H)
	const T *z; // (B, 4H)
	i64 inputs;
	const T *bih, *bhh; // (4H)
	const T *before;    // (B, H): c
	T *cells, *y, *cn, *hn;
	bf16 *narrow_h;
	i64 n, hidden; // n = B*H
};

template <typename T, typename G> DEVICE void lstm_gates(const step<T, G> &s) {
	for (i64 i = thread_index(); i < s.n; i += thread_count()) {
		i64 unit = i % s.hidden, at = i / s.hidden * 4 * s.hidden + unit;
		T z[4];
		for (int k = 0; k < 4; k++) {
			i64 row = k * s.hidden;
			z[k] = s.z[at + row] + (s.bih[unit + row] + s.bhh[unit + row]);
			if (s.inputs)
				z[k] += widen(s.gates[at + row]);
			z[k] = k == 2 ? hyperbolic_tangent(z[k]) : logistic(z[k]);
			narrow(s.gates + at + row, z[k]);
		}
		T c = z[1] * s.before[i] + z[0] * z[2];
		T h = z[3] * hyperbolic_tangent(c);
		s.cells[i] = c;
		s.y[i] = h;
		if (s.hn)
			s.hn[i] = h, s.cn[i] = c;
		if (s.narrow_h)
			s.narrow_h[i] = round_bf16(h);
	}
}

KERNEL lstm_gates_f32(step<float, float> s) { lstm_gates(s); }
KERNEL lstm_gates_f64(step<double, double> s) { lstm_gates(s); }
KERNEL lstm_gates_bf16(step<float, bf16> s) { lstm_gates(s); }

// The gradients of one step: activations become the gradients of what they were
// computed from. dy, dh and dc, the gradients of h and c from later steps, are 0
// where they are null. The gradient of the earlier c goes to dc_before where that
// is not null; it may be dc.
template <typename T, typename G> struct step_grad {
	G *gates;
	const T *before, *cells;
	const T *dy, *dh, *dc;
	T *dc_before;
	i64 n, hidden;
};

template <typename T, typename G> DEVICE void lstm_gates_grad(const step_grad<T, G> &s) {
	for (i64 k = thread_index(); k < s.n; k += thread_count()) {
		G *row = s.gates + k / s.hidden * 4 * s.hidden + k % s.hidden;
		T i = widen(row[0]), f = widen(row[s.hidden]), g = widen(row[2 * s.hidden]), o = widen(row[3 * s.hidden]);
		T h = hyperbolic_tangent(s.cells[k]);
		T d = (s.dh ? s.dh[k] : T(0)) + (s.dy ? s.dy[k] : T(0));
		T e = (s.dc ? s.dc[k] : T(0)) + d * o * (T(1) - h * h);
		narrow(row, e * g * i * (T(1) - i));
		narrow(row + s.hidden, e * s.before[k] * f * (T(1) - f));
		narrow(row + 2 * s.hidden, e * i * (T(1) - g * g));
		narrow(row + 3 * s.hidden, d * h * o * (T(1) - o));
		if (s.dc_before)
			s.dc_before[k] = e * f;
	}
}

KERNEL lstm_gates_grad_f32(step_grad<float, float> s) { lstm_gates_grad(s); }
KERNEL lstm_gates_grad_f64(step_grad<double, double> s) { lstm_gates_grad(s); }
KERNEL lstm_gates_grad_bf16(step_grad<float, bf16> s) { lstm_gates_grad(s); }
