// cuDNN's handles and descriptors.
#include "dnn.h"

std::set<const void *> &tensors = *new std::set<const void *>, &dropouts = *new std::set<const void *>;
std::set<const void *> &rnns = *new std::set<const void *>, &datas = *new std::set<const void *>;

EXPORT size_t cudnnGetVersion() { return 91300; }

// The loader asks for it by name, to tell which CUDA cuDNN was built for.
EXPORT size_t cudnnGetCudartVersion() { return 13000; }

EXPORT const char *cudnnGetErrorString(cudnnStatus_t s) {
	switch (s / 1000) {
	case 0:
		return "CUDNN_STATUS_SUCCESS";
	case 1:
		return "CUDNN_STATUS_NOT_INITIALIZED";
	case 2:
		return "CUDNN_STATUS_BAD_PARAM";
	case 3:
		return "CUDNN_STATUS_NOT_SUPPORTED";
	case 5:
		return "CUDNN_STATUS_EXECUTION_FAILED";
	}
	return "CUDNN_STATUS unknown";
}

EXPORT cudnnStatus_t cudnnCreate(cudnnHandle_t *h) {
	Call call;
	if (call.status)
		return DNN_NOT_INITIALIZED;
	if (int code = fails(POINT_DNN_CREATE))
		return code;
	*h = keep(KIND_DNN, new cudnnHandle_st());
	return DNN_OK;
}

EXPORT cudnnStatus_t cudnnDestroy(cudnnHandle_t h) {
	std::lock_guard<std::mutex> lock(sim.mu);
	return drop(KIND_DNN, h) ? DNN_OK : DNN_NOT_INITIALIZED;
}

EXPORT cudnnStatus_t cudnnSetStream(cudnnHandle_t h, CUstream s) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!known(KIND_DNN, h))
		return DNN_NOT_INITIALIZED;
	h->stream = s;
	return DNN_OK;
}

// Descriptors bear no handle and need no context.

template <typename T> static int create(std::set<const void *> &table, T **d) {
	std::lock_guard<std::mutex> lock(sim.mu);
	*d = keep(KIND_DESCRIPTOR, new T());
	table.insert(*d);
	return DNN_OK;
}

template <typename T> static int destroy(std::set<const void *> &table, T *d) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!table.erase(d))
		return DNN_BAD_PARAM;
	drop(KIND_DESCRIPTOR, d);
	return DNN_OK;
}

EXPORT cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *d) { return create(tensors, d); }
EXPORT cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t d) { return destroy(tensors, d); }
EXPORT cudnnStatus_t cudnnCreateDropoutDescriptor(cudnnDropoutDescriptor_t *d) { return create(dropouts, d); }
EXPORT cudnnStatus_t cudnnDestroyDropoutDescriptor(cudnnDropoutDescriptor_t d) { return destroy(dropouts, d); }
EXPORT cudnnStatus_t cudnnCreateRNNDescriptor(cudnnRNNDescriptor_t *d) { return create(rnns, d); }
EXPORT cudnnStatus_t cudnnDestroyRNNDescriptor(cudnnRNNDescriptor_t d) { return destroy(rnns, d); }
EXPORT cudnnStatus_t cudnnCreateRNNDataDescriptor(cudnnRNNDataDescriptor_t *d) { return create(datas, d); }
EXPORT cudnnStatus_t cudnnDestroyRNNDataDescriptor(cudnnRNNDataDescriptor_t d) { return destroy(datas, d); }

EXPORT cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t d, int type, int n, const int *dims, const int *strides) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!tensors.count(d) || n < 3 || n > 8 || !dims || !strides)
		return DNN_BAD_PARAM;
	for (int i = 0; i < n; i++)
		if (dims[i] <= 0 || strides[i] <= 0)
			return DNN_BAD_PARAM;
	*d = {true, type, {dims, dims + n}, {strides, strides + n}};
	return DNN_OK;
}

EXPORT cudnnStatus_t cudnnGetTensorNdDescriptor(cudnnTensorDescriptor_t d, int asked, int *type, int *n, int *dims, int *strides) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!ready(tensors, d))
		return DNN_BAD_PARAM;
	*type = d->type;
	*n = (int)d->dims.size();
	for (int i = 0; i < asked && i < *n; i++)
		dims[i] = d->dims[(size_t)i], strides[i] = d->strides[(size_t)i];
	return DNN_OK;
}

EXPORT cudnnStatus_t cudnnSetDropoutDescriptor(cudnnDropoutDescriptor_t d, cudnnHandle_t h, float dropout, void *, size_t, unsigned long long) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!dropouts.count(d) || !known(KIND_DNN, h))
		return DNN_BAD_PARAM;
	if (dropout != 0)
		return DNN_NOT_SUPPORTED;
	d->set = true;
	return DNN_OK;
}

enum { RNN_LSTM = 2, BIAS_DOUBLE = 2 };

EXPORT cudnnStatus_t cudnnSetRNNDescriptor_v8(cudnnRNNDescriptor_t d, int algorithm, int cell, int bias, int direction, int input, int type, int precision, int math, int32_t inputs, int32_t hidden, int32_t projected, int32_t layers, cudnnDropoutDescriptor_t dropout, uint32_t flags) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!rnns.count(d) || inputs <= 0 || hidden <= 0 || projected <= 0 || projected > hidden || layers <= 0 || flags > 1 || math < 0 || math > 3)
		return DNN_BAD_PARAM;
	if (dropout && !ready(dropouts, dropout))
		return DNN_BAD_PARAM;
	if (algorithm || cell != RNN_LSTM || bias != BIAS_DOUBLE || direction || input || projected != hidden || layers != 1)
		return DNN_NOT_SUPPORTED;
	if (type != DNN_FLOAT || precision != DNN_FLOAT)
		return DNN_NOT_SUPPORTED;
	*d = {true, (size_t)inputs, (size_t)hidden, (flags & 1) != 0};
	return DNN_OK;
}

EXPORT cudnnStatus_t cudnnSetRNNDataDescriptor(cudnnRNNDataDescriptor_t d, int type, int layout, int steps, int batch, int width, const int *lengths, void *) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!datas.count(d) || steps <= 0 || batch <= 0 || width <= 0 || !lengths)
		return DNN_BAD_PARAM;
	for (int i = 0; i < batch; i++)
		if (lengths[i] < 0 || lengths[i] > steps)
			return DNN_BAD_PARAM;
	for (int i = 0; i < batch; i++)
		if (lengths[i] != steps)
			return DNN_NOT_SUPPORTED;
	if (type != DNN_FLOAT || layout != 0)
		return DNN_NOT_SUPPORTED;
	*d = {true, (size_t)steps, (size_t)batch, (size_t)width};
	return DNN_OK;
}

template <typename T> static void free_table(std::set<const void *> &table) {
	for (const void *d : table)
		drop(KIND_DESCRIPTOR, (T *)d);
	table.clear();
}

void free_dnn() {
	free_table<cudnnTensor_st>(tensors);
	free_table<cudnnDropout_st>(dropouts);
	free_table<cudnnRNN_st>(rnns);
	free_table<cudnnRNNData_st>(datas);
	while (!sim.handles[KIND_DNN].empty())
		drop(KIND_DNN, (cudnnHandle_t)*sim.handles[KIND_DNN].begin());
}
