// Package eventstest reads event files for tests: [Read] with TensorBoard itself,
// [Files] without it.
//
// Read runs the Python that TILLER_PYTHON names, or python3, which needs the package
// tensorboard. Without it a test is skipped, or fails where TILLER_REQUIRE, a list
// of words, has "tensorboard".
package eventstest
