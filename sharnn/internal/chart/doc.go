// Package chart draws the pictures of training runs and of attention, as PNG and
// SVG: [Curves] the losses of runs, [Heats] what attentions look at.
//
// A file is replaced when the new one is whole and on the disk. Colours can be told
// apart by the colour-blind.
package chart
