package vec

import "math"

// LSTMGates is the elementwise part of an LSTM step for one row of the batch.
// gates holds the pre-activations of i, f, g and o in that order, H elements
// each, and leaves with their activations:
//
//	i, f, o = logistic(i, f, o);  g = tanh(g)
//	c = f*cPrev + i*g;            h = o*tanh(c)
//
// len(gates) is 4H, the others' H. c may be cPrev.
func LSTMGates(gates, cPrev, c, h []float32) {
	check("LSTMGates", len(gates), 4*len(cPrev), 4*len(c), 4*len(h))
	active.lstmGates(gates, cPrev, c, h)
}

// LSTMGatesGrad is the gradient of LSTMGates. gates holds the activations and
// leaves with the gradients of the pre-activations; dc holds the gradient of c
// from the next step and leaves with that of cPrev; dh is the gradient of h:
//
//	dct = dc + dh*o*(1-tanh(c)^2)
//	di = dct*g*i*(1-i);  df = dct*cPrev*f*(1-f)
//	dg = dct*i*(1-g^2);  do = dh*tanh(c)*o*(1-o);  dc = dct*f
func LSTMGatesGrad(gates, cPrev, c, dh, dc []float32) {
	check("LSTMGatesGrad", len(gates), 4*len(cPrev), 4*len(c), 4*len(dh), 4*len(dc))
	active.lstmGatesGrad(gates, cPrev, c, dh, dc)
}

func lstmGatesGeneric(gates, cPrev, c, h []float32) {
	n := len(h)
	i, f, g, o := gates[:n], gates[n:2*n], gates[2*n:3*n], gates[3*n:]
	logisticGeneric(gates[:2*n], gates[:2*n])
	tanhGeneric(g, g)
	logisticGeneric(o, o)
	for k := range n {
		c[k] = f[k]*cPrev[k] + i[k]*g[k]
		h[k] = o[k] * float32(math.Tanh(float64(c[k])))
	}
}

func lstmGatesGradGeneric(gates, cPrev, c, dh, dc []float32) {
	n := len(c)
	di, df, dg, do := gates[:n], gates[n:2*n], gates[2*n:3*n], gates[3*n:]
	for k := range n {
		i, f, g, o := di[k], df[k], dg[k], do[k]
		t := float32(math.Tanh(float64(c[k])))
		dct := dc[k] + dh[k]*o*(1-t*t)
		di[k] = dct * g * (i * (1 - i))
		df[k] = dct * cPrev[k] * (f * (1 - f))
		dg[k] = dct * i * (1 - g*g)
		do[k] = dh[k] * t * (o * (1 - o))
		dc[k] = dct * f
	}
}
