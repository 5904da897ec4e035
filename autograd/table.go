package autograd

// Ops is the table of all operations, in the order of their files. The tests
// range over it: an op that is not here is not tested, so Apply's callers are
// the functions beside these values, and nothing else.
func Ops() []*Op {
	return []*Op{
		addOp, subOp, mulOp, divOp, affineOp, powerOp, expOp, logOp, sqrtOp,
		tanhOp, logisticOp, geluOp, geluTanhOp,
		sumOp, maxOp,
		reshapeOp, permuteOp, sliceOp, broadcastOp, copyOp, concatOp, convertOp,
		matMulOp, linearOp,
		gatherOp, selectOp, lessOp, equalOp,
		softmaxOp, logSoftmaxOp, crossEntropyOp, linearCrossEntropyOp,
		layerNormOp, dropoutOp, boomOp, lstmOp, attentionOp,
	}
}
