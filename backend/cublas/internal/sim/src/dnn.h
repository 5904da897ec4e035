// cuDNN's statuses and descriptors.
#ifndef SIM_DNN_H
#define SIM_DNN_H

#include "lstm.h"
#include "sim.h"

enum {
	DNN_OK = 0,
	DNN_NOT_INITIALIZED = 1001,
	DNN_BAD_PARAM = 2000,
	DNN_NOT_SUPPORTED = 3000,
	DNN_EXECUTION_FAILED = 5000,
};

enum { DNN_FLOAT = 0, DNN_DOUBLE = 1, DNN_HALF = 2, DNN_BFLOAT16 = 9 };

struct cudnnHandle_st {
	CUstream stream;
};

struct cudnnTensor_st {
	bool set;
	int type;
	std::vector<int> dims, strides;
};

struct cudnnDropout_st {
	bool set;
};

struct cudnnRNN_st {
	bool set;
	size_t inputs, hidden;
	bool padded; // unpacked data may be padded: without it they are refused
};

struct cudnnRNNData_st {
	bool set;
	size_t steps, batch, width;
};

extern std::set<const void *> &tensors, &dropouts, &rnns, &datas;

// ready tells whether a descriptor is one of a table's, and set.
template <typename T> bool ready(const std::set<const void *> &table, const T *d) {
	return table.count(d) && d->set;
}

#endif
