// c = alpha op(a) op(b) + beta c, column-major.
#ifndef SIM_PRODUCT_H
#define SIM_PRODUCT_H

#include <stddef.h>

enum { R_32F = 0, R_64F = 1, R_16BF = 14 };
enum { COMPUTE_32F = 68, COMPUTE_64F = 70, COMPUTE_32F_FAST_TF32 = 77 };

struct Factor {
	void *at;
	int type;
	long long ld, stride; // elements
};

struct Product {
	int transa, transb;
	size_t m, n, k;
	int batch;
	Factor a, b, c;
	double alpha, beta;
	bool tf32;
};

size_t size_of(int type);
void multiply(const Product &p);

#endif
