// The types of the functions that the simulator exports: those of the loader's
// api.h, which a test puts in their place to compare each function's prototype.
#ifndef TILLER_CUDA_API_H
#define TILLER_CUDA_API_H

#include <stddef.h>
#include <stdint.h>

typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef struct CUgraph_st *CUgraph;
typedef struct CUgraphNode_st *CUgraphNode;
typedef struct CUgraphExec_st *CUgraphExec;

typedef struct {
	int result;
	CUgraphNode errorNode;
	CUgraphNode errorFromNode;
} CUgraphExecUpdateResultInfo;

typedef int nvrtcResult;
typedef struct nvrtcProgram_st *nvrtcProgram;
typedef int cublasStatus_t;
typedef struct cublasHandle_st *cublasHandle_t;
typedef int cudnnStatus_t;
typedef struct cudnnHandle_st *cudnnHandle_t;
typedef struct cudnnTensor_st *cudnnTensorDescriptor_t;
typedef struct cudnnDropout_st *cudnnDropoutDescriptor_t;
typedef struct cudnnRNN_st *cudnnRNNDescriptor_t;
typedef struct cudnnRNNData_st *cudnnRNNDataDescriptor_t;

#endif
