// cuDNN's LSTM of one layer.
#ifndef TILLER_CUDA_RNN_H
#define TILLER_CUDA_RNN_H

#include "device.h"

// cuda_rnn are the descriptors for one shape, and the sizes that cuDNN tells for
// it, in bytes.
typedef struct {
	cudnnDropoutDescriptor_t dropout;
	cudnnRNNDescriptor_t rnn;
	cudnnRNNDataDescriptor_t x, y;
	cudnnTensorDescriptor_t state, matrix, bias;
	int steps, batch, in, hidden, type;
	size_t weights, work, reserve;
} cuda_rnn;

size_t cuda_rnn_version(const cuda_device *d);

// cuda_rnn_open fills r, whose sizes and type are set; *call names the function
// that failed. cuda_rnn_close undoes what it did, also in part.
cudnnStatus_t cuda_rnn_open(const cuda_device *d, cuda_rnn *r, int math, const char **call);
void cuda_rnn_close(const cuda_device *d, cuda_rnn *r);

// cuda_rnn_place tells where the matrix and the bias of linear layer id lie in the
// weight space at base, in bytes from there: 0 to 3 are the input's, 4 to 7 the
// state's. A matrix or bias that is not dense, or not of the shape that it should
// have, is told as bad.
cudnnStatus_t cuda_rnn_place(const cuda_device *d, const cuda_rnn *r, CUdeviceptr base, int id, size_t *matrix, size_t *bias, int *bad);

// cuda_rnn_call are the operands of the three passes.
typedef struct {
	CUdeviceptr x, hx, cx, weights, work, reserve; // read, or used
	CUdeviceptr y, hy, cy;                         // written by the forward pass
	CUdeviceptr dy, dhy, dcy;                      // read
	CUdeviceptr dx, dhx, dcx, dweights;            // written, and added to
} cuda_rnn_call;

cudnnStatus_t cuda_rnn_forward(const cuda_device *d, const cuda_rnn *r, const cuda_rnn_call *c);
cudnnStatus_t cuda_rnn_backward_data(const cuda_device *d, const cuda_rnn *r, const cuda_rnn_call *c);
cudnnStatus_t cuda_rnn_backward_weights(const cuda_device *d, const cuda_rnn *r, const cuda_rnn_call *c);

#endif
