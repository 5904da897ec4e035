// Package onnxtest holds an exported model against the model that it was made
// of, for tests: [Ours] runs it here, [Theirs] by onnxruntime in Python, and
// [Compare] compares.
//
// Python is the program that TILLER_PYTHON names, or python3; it needs the
// packages onnx, onnxruntime and numpy. Without them a test is skipped, or fails
// where TILLER_REQUIRE, a list of words, has "onnxruntime".
package onnxtest
