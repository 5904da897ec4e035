// Checks of the simulator's cuDNN through the functions it exports: gradients
// against differences, and misuse. It prints what is wrong.
#include "api.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <vector>

#define DECLARE(result, name, parameters) extern "C" result name parameters;
DRIVER_FUNCTIONS(DECLARE)
CUDNN_FUNCTIONS(DECLARE)
extern "C" void sim_reset(void);
extern "C" void sim_message(char *, size_t);

static int wrong;

#define WANT(want, call) \
	do { \
		int got = (int)(call); \
		if (got != (want)) \
			wrong++, printf("line %d: %s is %d, not %d\n", __LINE__, #call, got, want); \
	} while (0)

static const int T = 5, B = 3, I = 4, H = 6;
static CUstream stream;
static cudnnHandle_t dnn;
static cudnnDropoutDescriptor_t dropout;
static cudnnRNNDescriptor_t rnn;
static cudnnRNNDataDescriptor_t xd, yd;
static cudnnTensorDescriptor_t state;

// Array is device memory with a copy.
struct Array {
	std::vector<float> host;
	CUdeviceptr p;
	Array(size_t n, float scale) : host(n) {
		static unsigned seed = 1;
		for (float &x : host) {
			seed = seed * 1664525u + 1013904223u;
			x = scale * ((float)(seed >> 8) / (1 << 23) - 1);
		}
		WANT(0, cuMemAlloc_v2(&p, n * 4));
		send();
	}
	void send() { WANT(0, cuMemcpyHtoDAsync_v2(p, host.data(), host.size() * 4, stream)); }
	void fetch() { WANT(0, cuMemcpyDtoHAsync_v2(host.data(), p, host.size() * 4, stream)); }
	void *at() { return (void *)p; }
};

static void open() {
	sim_reset();
	CUcontext context;
	WANT(0, cuInit(0));
	WANT(0, cuDevicePrimaryCtxRetain(&context, 0));
	WANT(0, cuCtxSetCurrent(context));
	WANT(0, cuStreamCreate(&stream, 1));
	WANT(0, cudnnCreate(&dnn));
	WANT(0, cudnnSetStream(dnn, stream));
	WANT(0, cudnnCreateDropoutDescriptor(&dropout));
	WANT(0, cudnnSetDropoutDescriptor(dropout, dnn, 0, nullptr, 0, 0));
	WANT(0, cudnnCreateRNNDescriptor(&rnn));
	WANT(0, cudnnSetRNNDescriptor_v8(rnn, 0, 2, 2, 0, 0, 0, 0, 3, I, H, H, 1, dropout, 1));
	int lengths[B] = {T, T, T};
	WANT(0, cudnnCreateRNNDataDescriptor(&xd));
	WANT(0, cudnnSetRNNDataDescriptor(xd, 0, 0, T, B, I, lengths, nullptr));
	WANT(0, cudnnCreateRNNDataDescriptor(&yd));
	WANT(0, cudnnSetRNNDataDescriptor(yd, 0, 0, T, B, H, lengths, nullptr));
	int dims[3] = {1, B, H}, strides[3] = {B * H, H, 1};
	WANT(0, cudnnCreateTensorDescriptor(&state));
	WANT(0, cudnnSetTensorNdDescriptor(state, 0, 3, dims, strides));
}

struct Layer {
	size_t weight_bytes, work_bytes, reserve_bytes;
	Array x{T * B * I, 1}, y{T * B * H, 1}, hx{B * H, 1}, cx{B * H, 1}, hy{B * H, 1}, cy{B * H, 1};
	Array dx{T * B * I, 1}, dy{T * B * H, 1}, dhx{B * H, 1}, dcx{B * H, 1}, dhy{B * H, 1}, dcy{B * H, 1};
	Array w{4 * H * (I + H + 2), 0.5f}, dw{4 * H * (I + H + 2), 0};
	CUdeviceptr work, reserve;

	Layer() {
		WANT(0, cudnnGetRNNWeightSpaceSize(dnn, rnn, &weight_bytes));
		WANT((int)w.host.size() * 4, weight_bytes);
		WANT(0, cudnnGetRNNTempSpaceSizes(dnn, rnn, 1, xd, &work_bytes, &reserve_bytes));
		WANT(0, cuMemAlloc_v2(&work, work_bytes));
		WANT(0, cuMemAlloc_v2(&reserve, reserve_bytes));
	}
	int forward(int training) {
		return cudnnRNNForward(dnn, rnn, training, nullptr, xd, x.at(), yd, y.at(), state, hx.at(), hy.at(), state, cx.at(), cy.at(), weight_bytes, w.at(), work_bytes, (void *)work, training ? reserve_bytes : 0, training ? (void *)reserve : nullptr);
	}
	int backward_data() {
		return cudnnRNNBackwardData_v8(dnn, rnn, nullptr, yd, y.at(), dy.at(), xd, dx.at(), state, hx.at(), dhy.at(), dhx.at(), state, cx.at(), dcy.at(), dcx.at(), weight_bytes, w.at(), work_bytes, (void *)work, reserve_bytes, (void *)reserve);
	}
	int backward_weights(int mode) {
		return cudnnRNNBackwardWeights_v8(dnn, rnn, mode, nullptr, xd, x.at(), state, hx.at(), yd, y.at(), weight_bytes, dw.at(), work_bytes, (void *)work, reserve_bytes, (void *)reserve);
	}
	// loss is y.dy + hy.dhy + cy.dcy.
	double loss() {
		WANT(0, forward(0));
		y.fetch(), hy.fetch(), cy.fetch();
		WANT(0, cuStreamSynchronize(stream));
		double sum = 0;
		for (auto pair : {std::pair<Array *, Array *>{&y, &dy}, {&hy, &dhy}, {&cy, &dcy}})
			for (size_t i = 0; i < pair.first->host.size(); i++)
				sum += (double)pair.first->host[i] * pair.second->host[i];
		return sum;
	}
	void compare(const char *name, Array &of, Array &gradient, double times) {
		gradient.fetch();
		WANT(0, cuStreamSynchronize(stream));
		for (size_t i = 0; i < of.host.size(); i++) {
			const float step = 1e-2f, was = of.host[i];
			of.host[i] = was + step, of.send();
			double up = loss();
			of.host[i] = was - step, of.send();
			double down = loss();
			of.host[i] = was, of.send();
			double want = times * (up - down) / (2 * step);
			if (!(std::fabs(want - gradient.host[i]) < 2e-3 * (1 + std::fabs(want))))
				wrong++, printf("d%s[%zu] is %g, not %g\n", name, i, gradient.host[i], want);
		}
	}
};

static double logistic(double x) { return 1 / (1 + std::exp(-x)); }

// The forward pass by its formula, with each weight where cuDNN says it lies.
static void check_forward() {
	open();
	Layer l;
	cudnnTensorDescriptor_t matrix, bias;
	WANT(0, cudnnCreateTensorDescriptor(&matrix));
	WANT(0, cudnnCreateTensorDescriptor(&bias));
	const float *m[8], *b[8];
	for (int id = 0; id < 8; id++) {
		void *at, *bias_at;
		WANT(0, cudnnGetRNNWeightParams(dnn, rnn, 0, l.weight_bytes, l.w.at(), id, matrix, &at, bias, &bias_at));
		m[id] = l.w.host.data() + ((CUdeviceptr)at - l.w.p) / 4;
		b[id] = l.w.host.data() + ((CUdeviceptr)bias_at - l.w.p) / 4;
		int type, n, dims[3], strides[3];
		WANT(0, cudnnGetTensorNdDescriptor(matrix, 3, &type, &n, dims, strides));
		WANT(H, dims[1]);
		WANT(id < 4 ? I : H, dims[2]);
	}
	l.loss();
	for (int row = 0; row < B; row++) {
		std::vector<double> h(H), c(H);
		for (int j = 0; j < H; j++)
			h[j] = l.hx.host[row * H + j], c[j] = l.cx.host[row * H + j];
		for (int t = 0; t < T; t++) {
			std::vector<double> before = h;
			for (int j = 0; j < H; j++) {
				double g[4];
				for (int k = 0; k < 4; k++) {
					g[k] = b[k][j] + b[k + 4][j];
					for (int i = 0; i < I; i++)
						g[k] += (double)m[k][j * I + i] * l.x.host[(t * B + row) * I + i];
					for (int i = 0; i < H; i++)
						g[k] += m[k + 4][j * H + i] * before[i];
				}
				c[j] = logistic(g[1]) * c[j] + logistic(g[0]) * std::tanh(g[2]);
				h[j] = logistic(g[3]) * std::tanh(c[j]);
				double got = l.y.host[(t * B + row) * H + j];
				if (!(std::fabs(got - h[j]) < 1e-5))
					wrong++, printf("y[%d,%d,%d] is %g, not %g\n", t, row, j, got, h[j]);
			}
		}
		for (int j = 0; j < H; j++)
			if (!(std::fabs(l.cy.host[row * H + j] - c[j]) < 1e-5) || !(std::fabs(l.hy.host[row * H + j] - h[j]) < 1e-5))
				wrong++, printf("last state %d of row %d\n", j, row);
	}
}

static void check_gradients() {
	open();
	Layer l;
	WANT(0, l.forward(1));
	WANT(0, l.backward_data());
	WANT(0, l.backward_weights(0));
	WANT(0, l.backward_weights(0)); // it adds
	WANT(0, cuStreamSynchronize(stream));
	l.compare("x", l.x, l.dx, 1);
	l.compare("hx", l.hx, l.dhx, 1);
	l.compare("cx", l.cx, l.dcx, 1);
	l.compare("w", l.w, l.dw, 2);
}

static void faulty(const char *words) {
	WANT(719, cuStreamSynchronize(stream));
	char message[256];
	sim_message(message, sizeof message);
	if (!strstr(message, words))
		wrong++, printf("the fault is %s, not %s\n", message, words);
}

static void check_order() {
	open();
	Layer early;
	WANT(0, early.forward(1));
	WANT(0, early.backward_weights(0));
	faulty("does not follow cudnnRNNBackwardData_v8");
	open();
	Layer none;
	WANT(0, none.backward_data());
	faulty("does not follow a training cudnnRNNForward");
	open();
	Layer twice;
	WANT(0, twice.forward(1));
	WANT(0, twice.backward_data());
	WANT(0, twice.backward_data());
	faulty("does not follow a training cudnnRNNForward");
	for (int pass = 0; pass < 2; pass++) {
		open();
		Layer spoilt;
		WANT(0, spoilt.forward(1));
		if (pass)
			WANT(0, spoilt.backward_data());
		WANT(0, cuMemsetD8Async(spoilt.reserve + spoilt.reserve_bytes - 4, 1, 1, stream));
		WANT(0, pass ? spoilt.backward_weights(0) : spoilt.backward_data());
		faulty("was written to between the passes");
	}
	open();
	Layer outside;
	outside.y.p += 4;
	WANT(0, outside.forward(1));
	WANT(700, cuStreamSynchronize(stream));
	WANT(5000, outside.forward(1));
}

static void check_refusals() {
	open();
	Layer l;
	WANT(3000, l.backward_weights(1));
	l.work_bytes--;
	WANT(2000, l.forward(1));
	l.work_bytes++, l.reserve_bytes--;
	WANT(2000, l.forward(1));
	WANT(2000, l.backward_data());
	l.reserve_bytes++, l.weight_bytes--;
	WANT(2000, l.forward(0));
	l.weight_bytes++;
	WANT(0, cudnnSetRNNDescriptor_v8(rnn, 0, 2, 2, 0, 0, 0, 0, 3, I, H, H, 1, dropout, 0)); // unpacked data, not padded
	WANT(2000, l.forward(0));
	WANT(2000, cudnnGetRNNTempSpaceSizes(dnn, rnn, 1, xd, &l.work_bytes, &l.reserve_bytes));
	WANT(3000, cudnnSetRNNDescriptor_v8(rnn, 0, 2, 2, 0, 0, 9, 0, 1, I, H, H, 1, dropout, 0)); // bfloat16
	WANT(3000, cudnnSetRNNDescriptor_v8(rnn, 0, 2, 2, 0, 0, 1, 1, 0, I, H, H, 1, dropout, 0)); // double
	WANT(3000, cudnnSetRNNDescriptor_v8(rnn, 0, 3, 2, 0, 0, 0, 0, 0, I, H, H, 1, dropout, 0)); // GRU
	WANT(3000, cudnnSetRNNDescriptor_v8(rnn, 0, 2, 2, 1, 0, 0, 0, 0, I, H, H, 1, dropout, 0)); // both directions
	WANT(3000, cudnnSetRNNDescriptor_v8(rnn, 0, 2, 2, 0, 0, 0, 0, 0, I, H, H, 2, dropout, 0)); // two layers
	WANT(2000, cudnnSetRNNDescriptor_v8(rnn, 0, 2, 2, 0, 0, 0, 0, 0, I, H, H + 1, 1, dropout, 0));
	int lengths[B] = {T, T, T - 1};
	WANT(3000, cudnnSetRNNDataDescriptor(xd, 0, 0, T, B, I, lengths, nullptr));
	lengths[2] = T + 1;
	WANT(2000, cudnnSetRNNDataDescriptor(xd, 0, 0, T, B, I, lengths, nullptr));
	WANT(0, cudnnDestroyTensorDescriptor(state));
	WANT(2000, cudnnDestroyTensorDescriptor(state));
}

int main() {
	check_forward();
	check_gradients();
	check_order();
	check_refusals();
	return wrong != 0;
}
