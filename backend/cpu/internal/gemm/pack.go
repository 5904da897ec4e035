package gemm

// packPanel copies src, k rows of at most width elements, to rows of width
// elements, and fills the rest of each row with zeros.
func (kn *kernels) packPanel(dst []float32, width int, src Matrix) {
	k, cols := src.Rows, src.Cols
	if cols < width {
		clear(dst[:k*width])
	}
	switch {
	case src.ColStride == 1:
		kn.copyRows(dst, width, src.Data, src.RowStride, k, cols)
	case src.RowStride == 1:
		for j := 0; j < cols; j += kn.lanes {
			kn.transpose(dst[j:], width, src.Data[j*src.ColStride:], src.ColStride, min(kn.lanes, cols-j), k)
		}
	default:
		for p := range k {
			row := dst[p*width : p*width+cols]
			at := p * src.RowStride
			for j := range row {
				row[j] = src.Data[at]
				at += src.ColStride
			}
		}
	}
}

// packRows packs a in groups of rows, one after the other, each with the rows
// of a register tile interleaved: group i is at i*a.Cols.
func (kn *kernels) packRows(dst []float32, a Matrix) {
	for i, h := 0, 0; i < a.Rows; i += h {
		h = kn.group(a.Rows - i)
		kn.packPanel(dst[i*a.Cols:], h, a.slice(i, 0, h, a.Cols).T())
	}
}

// slab is the number of rows of b that packCols copies from panel to panel:
// few enough for the hardware to follow them all.
const slab = 16

// packCols packs b in panels of nr columns, one after the other.
func (kn *kernels) packCols(dst []float32, b Matrix) {
	k, step := b.Rows, b.Rows
	if b.ColStride == 1 {
		step = slab
	}
	for p := 0; p < k; p += step {
		rows := min(step, k-p)
		for j := 0; j < b.Cols; j += kn.nr {
			kn.packPanel(dst[j*k+p*kn.nr:], kn.nr, b.slice(p, j, rows, min(kn.nr, b.Cols-j)))
		}
	}
}

// copyRowMajor copies src to rows of src.Cols elements.
func (kn *kernels) copyRowMajor(dst []float32, src Matrix) {
	k := src.Cols
	if src.RowStride == 1 {
		for j := 0; j < k; j += kn.lanes {
			kn.transpose(dst[j:], k, src.Data[j*src.ColStride:], src.ColStride, min(kn.lanes, k-j), src.Rows)
		}
		return
	}
	for i := range src.Rows {
		for j := range k {
			dst[i*k+j] = src.Data[i*src.RowStride+j*src.ColStride]
		}
	}
}
