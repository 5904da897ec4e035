#ifndef TILLER_CUDA_LOAD_H
#define TILLER_CUDA_LOAD_H

#include "api.h"

// cuda_open opens a library; NULL and *error (to be freed) where it cannot. A
// part of another library may lack functions that are never called, and others
// see its own.
void *cuda_open(const char *path, int part, char **error);
void cuda_close(void *library);

// cuda_where is the file of an open library, as the loader knows it.
const char *cuda_where(void *library);

// Each fills its part of the table and returns the name of the first function
// that is missing, or NULL.
const char *cuda_fill_driver(void *library, cuda_table *t);
const char *cuda_fill_nvrtc(void *library, cuda_table *t);
const char *cuda_fill_cublas(void *library, cuda_table *t);
const char *cuda_fill_cudnn(void *library, cuda_table *t);

// The version of CUDA that the driver is for, as 1000*major + 10*minor, and
// NVRTC's version in the same form; 0 where they do not tell.
int cuda_driver_version(const cuda_table *t);
int cuda_nvrtc_version(const cuda_table *t);

// cuDNN's version, as 10000*major + 100*minor + patch.
size_t cuda_dnn_version(const cuda_table *t);

// cuBLAS's version, of which a handle is no part, into v; 0 where it was told.
int cuda_blas_version(void *library, int v[3]);

// The version of CUDA that cuDNN was built for, in the driver's form; 0 where it
// does not tell.
int cuda_dnn_built_for(void *library);

#endif
