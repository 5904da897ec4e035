// Functions of each element of one, two or three tensors.

// Fill writes one value to n dense elements, or to those of a view.
template <typename T> DEVICE void fill(T *x, i64 n, T value) {
	pack<T, 4> p;
	for (int k = 0; k < 4; k++)
		p.v[k] = value;
	for (i64 i = 4 * thread_index(); i < n; i += 4 * thread_count()) {
		if (i + 4 <= n) {
			store_pack<4>(x + i, p);
			continue;
		}
		for (; i < n; i++)
			x[i] = value;
	}
}

template <typename T> DEVICE void fill_view(T *x, const walk<1> &w, T value) {
	for (i64 i = thread_index(); i < w.size; i += thread_count())
		x[places_of(w, i).at[0]] = value;
}

KERNEL fill_f32(float *x, i64 n, double value) { fill(x, n, (float)value); }
KERNEL fill_f64(double *x, i64 n, double value) { fill(x, n, value); }
KERNEL fill_i32(int *x, i64 n, double value) { fill(x, n, (int)value); }
KERNEL fill_bf16(bf16 *x, i64 n, double value) { fill(x, n, round_bf16(value)); }
KERNEL fill_view_f32(float *x, walk<1> w, double value) { fill_view(x, w, (float)value); }
KERNEL fill_view_f64(double *x, walk<1> w, double value) { fill_view(x, w, value); }
KERNEL fill_view_i32(int *x, walk<1> w, double value) { fill_view(x, w, (int)value); }
KERNEL fill_view_bf16(bf16 *x, walk<1> w, double value) { fill_view(x, w, round_bf16(value)); }

const int LANES = 4; // elements that a thread takes at a time

// dst = f(x)
template <typename T, typename F> DEVICE void map1(T *dst, const T *x, const steps<2> &s, F f) {
	each_step<LANES>(
		s, [&](const places<2> &p) { dst[p.at[0]] = f(x[p.at[1]]); },
		[&](const places<2> &p) {
			pack<T, LANES> a = lanes_of<LANES>(x, 1, s, p);
			for (int j = 0; j < LANES; j++)
				a.v[j] = f(a.v[j]);
			store_pack<LANES>(dst + p.at[0], a);
		});
}

// dst = f(x, y)
template <typename D, typename T, typename F> DEVICE void map2(D *dst, const T *x, const T *y, const steps<3> &s, F f) {
	each_step<LANES>(
		s, [&](const places<3> &p) { dst[p.at[0]] = f(x[p.at[1]], y[p.at[2]]); },
		[&](const places<3> &p) {
			pack<T, LANES> a = lanes_of<LANES>(x, 1, s, p), b = lanes_of<LANES>(y, 2, s, p);
			pack<D, LANES> to;
			for (int j = 0; j < LANES; j++)
				to.v[j] = f(a.v[j], b.v[j]);
			store_pack<LANES>(dst + p.at[0], to);
		});
}

// The tanh form of GELU is x*s(2r(x + 0.044715x^3)), s the logistic function and r
// sqrt(2/pi). Beyond the bound it is 0 or x to the last bit; nearer infinity its
// terms would be 0*Inf.
const double TANH_ROOT = 0.79788456080286535588, TANH_CUBIC = 0.044715, TANH_BOUND = 20;

template <typename T> DEVICE T gelu_tanh(T x) {
	if (x < T(-TANH_BOUND))
		return T(-0.0);
	return x * logistic(T(2 * TANH_ROOT) * (x + T(TANH_CUBIC) * x * x * x));
}

// s + x*z'*s*(1-s), s = logistic(z), z = 2r(x + 0.044715x^3)
template <typename T> DEVICE T gelu_tanh_grad(T x) {
	if (x > T(TANH_BOUND))
		return T(1);
	if (x < T(-TANH_BOUND))
		return T(0);
	T s = logistic(T(2 * TANH_ROOT) * (x + T(TANH_CUBIC) * x * x * x));
	return s + x * T(2 * TANH_ROOT) * (T(1) + T(3 * TANH_CUBIC) * x * x) * s * (T(1) - s);
}

// A unary function of x with constants a and b, in float and double.
#define UNARY(name, expression) \
	KERNEL name##_f32(float *dst, const float *x, steps<2> s, double a, double b) { \
		typedef float T; \
		map1(dst, x, s, [=](T x) -> T { return expression; }); \
	} \
	KERNEL name##_f64(double *dst, const double *x, steps<2> s, double a, double b) { \
		typedef double T; \
		map1(dst, x, s, [=](T x) -> T { return expression; }); \
	}

UNARY(affine, T(a) * x + T(b))
UNARY(power, T(pow((double)x, a)))
UNARY(square, x * x)
UNARY(inverse, T(1) / x)
UNARY(inverse_root, T(1) / sqrt(x))
UNARY(exponential, exponential(x))
UNARY(logarithm, logarithm(x))
UNARY(root, sqrt(x))
UNARY(tangent, hyperbolic_tangent(x))
UNARY(logistic, logistic(x))
UNARY(gelu, gelu(x))
UNARY(gelu_tanh, gelu_tanh(x))

// A binary function of x and y in a type.
#define BINARY(name, suffix, D, type, expression) \
	KERNEL name##suffix(D *dst, const type *x, const type *y, steps<3> s) { \
		typedef type T; \
		map2(dst, x, y, s, [](T x, T y) -> D { return expression; }); \
	}
#define BINARY_FLOATS(name, expression) \
	BINARY(name, _f32, float, float, expression) \
	BINARY(name, _f64, double, double, expression)

BINARY_FLOATS(add, x + y)
BINARY_FLOATS(subtract, x - y)
BINARY_FLOATS(multiply, x * y)
BINARY_FLOATS(divide, x / y)
BINARY_FLOATS(tangent_grad, y * (T(1) - x * x))
BINARY_FLOATS(logistic_grad, y * x * (T(1) - x))
BINARY_FLOATS(gelu_grad, y * gelu_grad(x))
BINARY_FLOATS(gelu_tanh_grad, y * gelu_tanh_grad(x))
BINARY(add, _i32, int, int, (int)((u32)x + (u32)y))
BINARY(subtract, _i32, int, int, (int)((u32)x - (u32)y))
BINARY(multiply, _i32, int, int, (int)((u32)x * (u32)y))
BINARY(less, _f32, int, float, x < y)
BINARY(less, _f64, int, double, x < y)
BINARY(less, _i32, int, int, x < y)
BINARY(equal, _f32, int, float, x == y)
BINARY(equal, _f64, int, double, x == y)
BINARY(equal, _i32, int, int, x == y)

// dst = cond != 0 ? x : y
template <typename T> DEVICE void select(T *dst, const int *cond, const T *x, const T *y, const steps<4> &s) {
	each_step<LANES>(
		s, [&](const places<4> &p) { dst[p.at[0]] = cond[p.at[1]] != 0 ? x[p.at[2]] : y[p.at[3]]; },
		[&](const places<4> &p) {
			pack<int, LANES> c = lanes_of<LANES>(cond, 1, s, p);
			pack<T, LANES> a = lanes_of<LANES>(x, 2, s, p), b = lanes_of<LANES>(y, 3, s, p);
			for (int j = 0; j < LANES; j++)
				a.v[j] = c.v[j] != 0 ? a.v[j] : b.v[j];
			store_pack<LANES>(dst + p.at[0], a);
		});
}

// By the bytes of an element.
KERNEL select_8(double *dst, const int *cond, const double *x, const double *y, steps<4> s) { select(dst, cond, x, y, s); }
KERNEL select_4(float *dst, const int *cond, const float *x, const float *y, steps<4> s) { select(dst, cond, x, y, s); }
KERNEL select_2(bf16 *dst, const int *cond, const bf16 *x, const bf16 *y, steps<4> s) { select(dst, cond, x, y, s); }
