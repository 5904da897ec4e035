// The parts of CUDA that Tiller calls, declared by hand: no toolkit is needed to
// build it. Names are those that the libraries export, suffixes included: the
// driver's unsuffixed cuMemAlloc and its like are another, older function.
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
	int result; // 0 updated; 1 an error; 2 the topology changed; 3 a node's type changed; ...
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

// Each list is X(result type, name, (parameters)).

#define DRIVER_FUNCTIONS(X) \
	X(CUresult, cuInit, (unsigned)) \
	X(CUresult, cuDriverGetVersion, (int *)) \
	X(CUresult, cuDeviceGetCount, (int *)) \
	X(CUresult, cuDeviceGet, (CUdevice *, int)) \
	X(CUresult, cuDeviceGetName, (char *, int, CUdevice)) \
	X(CUresult, cuDeviceGetAttribute, (int *, int, CUdevice)) \
	X(CUresult, cuDeviceTotalMem_v2, (size_t *, CUdevice)) \
	X(CUresult, cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice)) \
	X(CUresult, cuDevicePrimaryCtxRelease_v2, (CUdevice)) \
	X(CUresult, cuCtxSetCurrent, (CUcontext)) \
	X(CUresult, cuGetErrorName, (CUresult, const char **)) \
	X(CUresult, cuGetErrorString, (CUresult, const char **)) \
	X(CUresult, cuMemGetInfo_v2, (size_t *, size_t *)) \
	X(CUresult, cuMemAlloc_v2, (CUdeviceptr *, size_t)) \
	X(CUresult, cuMemFree_v2, (CUdeviceptr)) \
	X(CUresult, cuMemHostAlloc, (void **, size_t, unsigned)) \
	X(CUresult, cuMemFreeHost, (void *)) \
	X(CUresult, cuMemcpyHtoDAsync_v2, (CUdeviceptr, const void *, size_t, CUstream)) \
	X(CUresult, cuMemcpyDtoHAsync_v2, (void *, CUdeviceptr, size_t, CUstream)) \
	X(CUresult, cuMemcpyDtoDAsync_v2, (CUdeviceptr, CUdeviceptr, size_t, CUstream)) \
	X(CUresult, cuMemsetD8Async, (CUdeviceptr, unsigned char, size_t, CUstream)) \
	X(CUresult, cuMemsetD32Async, (CUdeviceptr, unsigned, size_t, CUstream)) \
	X(CUresult, cuStreamCreate, (CUstream *, unsigned)) \
	X(CUresult, cuStreamDestroy_v2, (CUstream)) \
	X(CUresult, cuStreamSynchronize, (CUstream)) \
	X(CUresult, cuEventCreate, (CUevent *, unsigned)) \
	X(CUresult, cuEventDestroy_v2, (CUevent)) \
	X(CUresult, cuEventRecord, (CUevent, CUstream)) \
	X(CUresult, cuEventSynchronize, (CUevent)) \
	X(CUresult, cuEventElapsedTime, (float *, CUevent, CUevent)) \
	X(CUresult, cuModuleLoadData, (CUmodule *, const void *)) \
	X(CUresult, cuModuleUnload, (CUmodule)) \
	X(CUresult, cuModuleGetFunction, (CUfunction *, CUmodule, const char *)) \
	X(CUresult, cuFuncSetAttribute, (CUfunction, int, int)) \
	X(CUresult, cuFuncGetAttribute, (int *, int, CUfunction)) \
	X(CUresult, cuLaunchKernel, (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void **, void **)) \
	X(CUresult, cuLaunchCooperativeKernel, (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void **)) \
	X(CUresult, cuOccupancyMaxActiveBlocksPerMultiprocessor, (int *, CUfunction, int, size_t)) \
	X(CUresult, cuStreamBeginCapture_v2, (CUstream, int)) \
	X(CUresult, cuStreamEndCapture, (CUstream, CUgraph *)) \
	X(CUresult, cuGraphInstantiateWithFlags, (CUgraphExec *, CUgraph, unsigned long long)) \
	X(CUresult, cuGraphExecUpdate_v2, (CUgraphExec, CUgraph, CUgraphExecUpdateResultInfo *)) \
	X(CUresult, cuGraphLaunch, (CUgraphExec, CUstream)) \
	X(CUresult, cuGraphExecDestroy, (CUgraphExec)) \
	X(CUresult, cuGraphDestroy, (CUgraph))

#define NVRTC_FUNCTIONS(X) \
	X(nvrtcResult, nvrtcVersion, (int *, int *)) \
	X(nvrtcResult, nvrtcCreateProgram, (nvrtcProgram *, const char *, const char *, int, const char *const *, const char *const *)) \
	X(nvrtcResult, nvrtcCompileProgram, (nvrtcProgram, int, const char *const *)) \
	X(nvrtcResult, nvrtcGetCUBINSize, (nvrtcProgram, size_t *)) \
	X(nvrtcResult, nvrtcGetCUBIN, (nvrtcProgram, char *)) \
	X(nvrtcResult, nvrtcGetProgramLogSize, (nvrtcProgram, size_t *)) \
	X(nvrtcResult, nvrtcGetProgramLog, (nvrtcProgram, char *)) \
	X(nvrtcResult, nvrtcDestroyProgram, (nvrtcProgram *)) \
	X(const char *, nvrtcGetErrorString, (nvrtcResult))

#define CUBLAS_FUNCTIONS(X) \
	X(cublasStatus_t, cublasCreate_v2, (cublasHandle_t *)) \
	X(cublasStatus_t, cublasDestroy_v2, (cublasHandle_t)) \
	X(cublasStatus_t, cublasGetVersion_v2, (cublasHandle_t, int *)) \
	X(cublasStatus_t, cublasSetStream_v2, (cublasHandle_t, CUstream)) \
	X(cublasStatus_t, cublasSetMathMode, (cublasHandle_t, int)) \
	X(cublasStatus_t, cublasSetWorkspace_v2, (cublasHandle_t, void *, size_t)) \
	X(cublasStatus_t, cublasGemmStridedBatchedEx, (cublasHandle_t, int, int, int, int, int, const void *, const void *, int, int, long long, const void *, int, int, long long, const void *, void *, int, int, long long, int, int, int)) \
	X(const char *, cublasGetStatusString, (cublasStatus_t))

#define CUDNN_FUNCTIONS(X) \
	X(size_t, cudnnGetVersion, (void)) \
	X(const char *, cudnnGetErrorString, (cudnnStatus_t)) \
	X(cudnnStatus_t, cudnnCreate, (cudnnHandle_t *)) \
	X(cudnnStatus_t, cudnnDestroy, (cudnnHandle_t)) \
	X(cudnnStatus_t, cudnnSetStream, (cudnnHandle_t, CUstream)) \
	X(cudnnStatus_t, cudnnCreateTensorDescriptor, (cudnnTensorDescriptor_t *)) \
	X(cudnnStatus_t, cudnnDestroyTensorDescriptor, (cudnnTensorDescriptor_t)) \
	X(cudnnStatus_t, cudnnSetTensorNdDescriptor, (cudnnTensorDescriptor_t, int, int, const int *, const int *)) \
	X(cudnnStatus_t, cudnnGetTensorNdDescriptor, (cudnnTensorDescriptor_t, int, int *, int *, int *, int *)) \
	X(cudnnStatus_t, cudnnCreateDropoutDescriptor, (cudnnDropoutDescriptor_t *)) \
	X(cudnnStatus_t, cudnnDestroyDropoutDescriptor, (cudnnDropoutDescriptor_t)) \
	X(cudnnStatus_t, cudnnSetDropoutDescriptor, (cudnnDropoutDescriptor_t, cudnnHandle_t, float, void *, size_t, unsigned long long)) \
	X(cudnnStatus_t, cudnnCreateRNNDescriptor, (cudnnRNNDescriptor_t *)) \
	X(cudnnStatus_t, cudnnDestroyRNNDescriptor, (cudnnRNNDescriptor_t)) \
	X(cudnnStatus_t, cudnnSetRNNDescriptor_v8, (cudnnRNNDescriptor_t, int, int, int, int, int, int, int, int, int32_t, int32_t, int32_t, int32_t, cudnnDropoutDescriptor_t, uint32_t)) \
	X(cudnnStatus_t, cudnnGetRNNWeightSpaceSize, (cudnnHandle_t, cudnnRNNDescriptor_t, size_t *)) \
	X(cudnnStatus_t, cudnnGetRNNTempSpaceSizes, (cudnnHandle_t, cudnnRNNDescriptor_t, int, cudnnRNNDataDescriptor_t, size_t *, size_t *)) \
	X(cudnnStatus_t, cudnnGetRNNWeightParams, (cudnnHandle_t, cudnnRNNDescriptor_t, int32_t, size_t, const void *, int32_t, cudnnTensorDescriptor_t, void **, cudnnTensorDescriptor_t, void **)) \
	X(cudnnStatus_t, cudnnCreateRNNDataDescriptor, (cudnnRNNDataDescriptor_t *)) \
	X(cudnnStatus_t, cudnnDestroyRNNDataDescriptor, (cudnnRNNDataDescriptor_t)) \
	X(cudnnStatus_t, cudnnSetRNNDataDescriptor, (cudnnRNNDataDescriptor_t, int, int, int, int, int, const int *, void *)) \
	X(cudnnStatus_t, cudnnRNNForward, (cudnnHandle_t, cudnnRNNDescriptor_t, int, const int32_t *, cudnnRNNDataDescriptor_t, const void *, cudnnRNNDataDescriptor_t, void *, cudnnTensorDescriptor_t, const void *, void *, cudnnTensorDescriptor_t, const void *, void *, size_t, const void *, size_t, void *, size_t, void *)) \
	X(cudnnStatus_t, cudnnRNNBackwardData_v8, (cudnnHandle_t, cudnnRNNDescriptor_t, const int32_t *, cudnnRNNDataDescriptor_t, const void *, const void *, cudnnRNNDataDescriptor_t, void *, cudnnTensorDescriptor_t, const void *, const void *, void *, cudnnTensorDescriptor_t, const void *, const void *, void *, size_t, const void *, size_t, void *, size_t, void *)) \
	X(cudnnStatus_t, cudnnRNNBackwardWeights_v8, (cudnnHandle_t, cudnnRNNDescriptor_t, int, const int32_t *, cudnnRNNDataDescriptor_t, const void *, cudnnTensorDescriptor_t, const void *, cudnnRNNDataDescriptor_t, const void *, size_t, void *, size_t, void *, size_t, void *))

// cuda_table holds the functions that were found. cudnn tells whether cuDNN's
// are there; the others are, or there is no table.
typedef struct {
#define MEMBER(result, name, parameters) result(*name) parameters;
	DRIVER_FUNCTIONS(MEMBER)
	NVRTC_FUNCTIONS(MEMBER)
	CUBLAS_FUNCTIONS(MEMBER)
	CUDNN_FUNCTIONS(MEMBER)
#undef MEMBER
	int cudnn;
} cuda_table;

#endif
