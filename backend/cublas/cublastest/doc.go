// Package cublastest lets tests of other packages run on the backend cublas
// without a GPU.
package cublastest
