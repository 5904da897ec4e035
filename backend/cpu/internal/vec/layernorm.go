package vec

// LayerNorm sets dst[i] = (x[i]-mean)*rstd*w[i] + b[i].
func LayerNorm(dst, x, w, b []float32, mean, rstd float32) {
	check("LayerNorm", len(dst), len(x), len(w), len(b))
	active.layerNorm(dst, x, w, b, mean, rstd)
}

// LayerNormGrad is the gradient of LayerNorm for a row x whose result had the
// gradient dy. With xhat = (x-mean)*rstd and the means taken over the row,
//
//	dx = rstd*(w*dy - mean(w*dy) - xhat*mean(w*dy*xhat))
//	dw += dy*xhat
//	db += dy
//
// Each of dx, dw and db may be nil; dx may be x or dy.
func LayerNormGrad(dx, dw, db, x, w, dy []float32, mean, rstd float32) {
	check("LayerNormGrad", len(x), len(w), len(dy))
	if dw != nil {
		check("LayerNormGrad", len(x), len(dw))
		active.layerNormGradW(dw, x, dy, mean, rstd)
	}
	if db != nil {
		check("LayerNormGrad", len(x), len(db))
		active.add(db, db, dy)
	}
	if dx != nil {
		check("LayerNormGrad", len(x), len(dx))
		n := float64(len(x))
		m1 := active.dot(w, dy) / n
		m2 := active.layerNormGradSum(x, w, dy, mean, rstd) / n
		active.layerNormGradX(dx, x, w, dy, mean, rstd, float32(m1), float32(m2))
	}
}

func layerNormGeneric(dst, x, w, b []float32, mean, rstd float32) {
	for i, v := range x {
		dst[i] = (v-mean)*rstd*w[i] + b[i]
	}
}

// layerNormGradSumGeneric returns the sum of w*dy*xhat.
func layerNormGradSumGeneric(x, w, dy []float32, mean, rstd float32) float64 {
	var l lanes
	for i, v := range x {
		l[i%len(l)] += float64(w[i]*dy[i]) * float64((v-mean)*rstd)
	}
	return l.fold()
}

func layerNormGradXGeneric(dx, x, w, dy []float32, mean, rstd, m1, m2 float32) {
	for i, v := range x {
		xhat := (v - mean) * rstd
		dx[i] = rstd * (w[i]*dy[i] - m1 - xhat*m2)
	}
}

func layerNormGradWGeneric(dw, x, dy []float32, mean, rstd float32) {
	for i, v := range x {
		dw[i] += dy[i] * ((v - mean) * rstd)
	}
}
