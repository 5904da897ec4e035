//go:build linux

#include "rnn.h"

#include <stdlib.h>

enum { STANDARD = 0, LSTM = 2, DOUBLE_BIAS = 2, UNIDIRECTIONAL = 0, LINEAR_INPUT = 0, FLOAT = 0 };
enum { SEQUENCE_MAJOR_UNPACKED = 0, PADDED = 1, TRAINING = 1, ADD = 0 }; // what is unpacked is padded, be it by nothing

enum { NOT_INITIALIZED = 1001, HOST_ALLOCATION_FAILED = 4003 };

size_t cuda_rnn_version(const cuda_device *d) { return d->api->cudnnGetVersion(); }

#define TRY(name, ...) \
	*call = #name; \
	if ((s = api->name(__VA_ARGS__))) \
		return s

static cudnnStatus_t create(const cuda_table *api, cuda_rnn *r, const char **call) {
	cudnnStatus_t s;
	TRY(cudnnCreateDropoutDescriptor, &r->dropout);
	TRY(cudnnCreateRNNDescriptor, &r->rnn);
	TRY(cudnnCreateRNNDataDescriptor, &r->x);
	TRY(cudnnCreateRNNDataDescriptor, &r->y);
	TRY(cudnnCreateTensorDescriptor, &r->state);
	TRY(cudnnCreateTensorDescriptor, &r->matrix);
	TRY(cudnnCreateTensorDescriptor, &r->bias);
	return 0;
}

static cudnnStatus_t set(const cuda_device *d, cuda_rnn *r, int math, const int *lengths, const char **call) {
	const cuda_table *api = d->api;
	cudnnStatus_t s;
	int dims[3] = {1, r->batch, r->hidden}, strides[3] = {r->batch * r->hidden, r->hidden, 1};
	TRY(cudnnSetDropoutDescriptor, r->dropout, d->dnn, 0, 0, 0, 0);
	TRY(cudnnSetRNNDescriptor_v8, r->rnn, STANDARD, LSTM, DOUBLE_BIAS, UNIDIRECTIONAL, LINEAR_INPUT, r->type, FLOAT, math, r->in, r->hidden, r->hidden, 1, r->dropout, PADDED);
	TRY(cudnnSetRNNDataDescriptor, r->x, r->type, SEQUENCE_MAJOR_UNPACKED, r->steps, r->batch, r->in, lengths, 0);
	TRY(cudnnSetRNNDataDescriptor, r->y, r->type, SEQUENCE_MAJOR_UNPACKED, r->steps, r->batch, r->hidden, lengths, 0);
	TRY(cudnnSetTensorNdDescriptor, r->state, r->type, 3, dims, strides);
	TRY(cudnnGetRNNWeightSpaceSize, d->dnn, r->rnn, &r->weights);
	TRY(cudnnGetRNNTempSpaceSizes, d->dnn, r->rnn, TRAINING, r->x, &r->work, &r->reserve);
	return 0;
}

cudnnStatus_t cuda_rnn_open(const cuda_device *d, cuda_rnn *r, int math, const char **call) {
	*call = "cuCtxSetCurrent";
	if (cuda_enter(d))
		return NOT_INITIALIZED;
	int *lengths = malloc((size_t)r->batch * sizeof *lengths);
	if (!lengths)
		return HOST_ALLOCATION_FAILED;
	for (int i = 0; i < r->batch; i++)
		lengths[i] = r->steps;
	cudnnStatus_t s = create(d->api, r, call);
	if (!s)
		s = set(d, r, math, lengths, call);
	free(lengths);
	return s;
}

void cuda_rnn_close(const cuda_device *d, cuda_rnn *r) {
	const cuda_table *api = d->api;
	if (cuda_enter(d))
		return;
	if (r->bias)
		api->cudnnDestroyTensorDescriptor(r->bias);
	if (r->matrix)
		api->cudnnDestroyTensorDescriptor(r->matrix);
	if (r->state)
		api->cudnnDestroyTensorDescriptor(r->state);
	if (r->y)
		api->cudnnDestroyRNNDataDescriptor(r->y);
	if (r->x)
		api->cudnnDestroyRNNDataDescriptor(r->x);
	if (r->rnn)
		api->cudnnDestroyRNNDescriptor(r->rnn);
	if (r->dropout)
		api->cudnnDestroyDropoutDescriptor(r->dropout);
}

// dense tells whether a descriptor is that of elements one after another.
static int dense(const cuda_device *d, cudnnTensorDescriptor_t t, int type, long elements, cudnnStatus_t *s) {
	int dims[8], strides[8], n, of;
	if ((*s = d->api->cudnnGetTensorNdDescriptor(t, 8, &of, &n, dims, strides)))
		return 0;
	long size = 1;
	int runs = of == type && n <= 8;
	for (int i = n - 1; runs && i >= 0; i--) {
		runs = dims[i] == 1 || strides[i] == size;
		size *= dims[i];
	}
	return runs && size == elements;
}

cudnnStatus_t cuda_rnn_place(const cuda_device *d, const cuda_rnn *r, CUdeviceptr base, int id, size_t *matrix, size_t *bias, int *bad) {
	void *m, *b;
	if (cuda_enter(d))
		return NOT_INITIALIZED;
	cudnnStatus_t s = d->api->cudnnGetRNNWeightParams(d->dnn, r->rnn, 0, r->weights, (const void *)base, id, r->matrix, &m, r->bias, &b);
	if (s)
		return s;
	*matrix = (size_t)m - base;
	*bias = (size_t)b - base;
	int ok = m && b && dense(d, r->matrix, r->type, (long)r->hidden * (id < 4 ? r->in : r->hidden), &s);
	if (!s)
		ok = ok && dense(d, r->bias, r->type, r->hidden, &s);
	*bad = !ok;
	return s;
}

#define P(name) ((void *)c->name)

cudnnStatus_t cuda_rnn_forward(const cuda_device *d, const cuda_rnn *r, const cuda_rnn_call *c) {
	if (cuda_enter(d))
		return NOT_INITIALIZED;
	return d->api->cudnnRNNForward(d->dnn, r->rnn, TRAINING, 0, r->x, P(x), r->y, P(y), r->state, P(hx), P(hy), r->state, P(cx), P(cy),
		r->weights, P(weights), r->work, P(work), r->reserve, P(reserve));
}

cudnnStatus_t cuda_rnn_backward_data(const cuda_device *d, const cuda_rnn *r, const cuda_rnn_call *c) {
	if (cuda_enter(d))
		return NOT_INITIALIZED;
	return d->api->cudnnRNNBackwardData_v8(d->dnn, r->rnn, 0, r->y, P(y), P(dy), r->x, P(dx), r->state, P(hx), P(dhy), P(dhx), r->state, P(cx), P(dcy), P(dcx),
		r->weights, P(weights), r->work, P(work), r->reserve, P(reserve));
}

cudnnStatus_t cuda_rnn_backward_weights(const cuda_device *d, const cuda_rnn *r, const cuda_rnn_call *c) {
	if (cuda_enter(d))
		return NOT_INITIALIZED;
	return d->api->cudnnRNNBackwardWeights_v8(d->dnn, r->rnn, ADD, 0, r->x, P(x), r->state, P(hx), r->y, P(y),
		r->weights, P(dweights), r->work, P(work), r->reserve, P(reserve));
}
