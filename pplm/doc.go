// Package pplm is Plug and Play Language Models (Dathathri et al. 2020, arXiv
// 1912.02164): it steers a language model as it is, by attributes, which are small
// models p(a|x) of what a text should be like.
//
// For each token, gradients of the attributes' losses with respect to what the
// model remembers (keys and values, or an LSTM's state) move that memory a few
// steps, held near the unsteered distribution by a divergence; the token is then
// drawn from a geometric mean of both distributions. No gradient of a weight is
// ever computed.
//
// A language model is an [LM] with a [State]; package gpt2 has one. An [Attribute]
// is a [Bag] of words, a [Discriminator], one of the user's own, or one of these
// with a [Weight] or negated by [Not]; several add up. [Settings] say how far to
// steer; [Presets] are the paper's and the reference program's. [Generate] makes
// samples in one batch and hands out each [Token] as it is chosen, and a
// [Generator] does so step by step. In a [Group] texts of different lengths advance
// together, and come and go, as a server's do. [Best] and [Method] choose among
// samples.
//
// With [Default] settings and bags that [Bag.Single] leaves, all numbers are those of
// the reference program (uber-research/PPLM, run_pplm.py), but for its faults:
// unsteered text honours temperature and top_k, the unsteered past is kept and not
// computed again for each token, and after GradLength tokens nothing is measured.
//
// A sample of a batch, and a text of a Group, is what it would be alone, up to the
// rounding of sums that a backend orders by the batch's size, and a seed gives the
// same bits on any number of threads. Losses of user's attributes live on the tape
// they are given. A Generator and a Group own their states until Free; tokens they return are
// valid until their next step. Bad requests, faults of the device and losses that are not numbers
// are errors; an attribute's loss of a wrong shape, and a Generator or a Group used
// after Free, panic with a [*tensor.Error].
package pplm
