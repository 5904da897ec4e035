// Package gradcheck holds gradients against central finite differences in
// float64, and fused ops against their plain form.
//
// [Func] checks any function of tensors; [Op] checks one case of the ops table;
// [Ref] compares a case with the op's Ref. They return an error that names the
// operand and the element that is off. Small operands are checked element by
// element, large ones along random directions, which takes two evaluations
// whatever their size.
package gradcheck
