// Command evaluate measures steering as the paper on PPLM does (arXiv 1912.02164,
// section 4): over prompts x attributes x methods, how far texts have what they
// were steered towards, and how fluent and varied they stay.
//
//	go run ./pplm/evaluate -quick
//	go run ./pplm/evaluate -B "military;religion;science" -judge half -out runs/eval
//	go run ./pplm/evaluate -model gpt2-medium -scorer gpt2-large -D sentiment=very_positive
//
// The methods are B, the language model as it is; BR, the best of several of its
// texts by the attribute's likelihood; BC, steered; BCR, the best of several
// steered ones. B's text is the first of those that BR takes the best of, and BC's
// of BCR's. The draws of a prompt's sample are the same in all methods, so that
// texts come in pairs. A sample does not change with the number of the others.
//
// Of each text it measures the perplexity of its new tokens under -scorer, which is
// the steered model itself, unsteered, where none is named; dist-1, dist-2 and
// dist-3, its distinct n-grams of tokens by all of them; and its relevance:
//
//   - bag words: the share of the steering bag's words among its new words;
//   - judge words: the same of other words, since a bag that steers is no fair
//     judge of the result. -judge half draws half of each bag to steer by and
//     leaves the other half to judge by; -judge with names takes other bags;
//   - class: a class's probability by a discriminator, -judge_head, which reads the
//     prompt too.
//
// Words are compared in lower case and as they stand in the bag, without a final 's.
//
// The table has means with their standard errors. Behind a relevance stands p, of a
// one-sided paired permutation test that it is above B's, the pairs being prompt
// and sample: over all signs of the differences, or 10,000 random ones where more
// than 20 differ. A perplexity is compared with B's by the ratio of the means.
// Seconds a token are a batch's time by the tokens of the texts it is for: a best
// of ten costs ten. With several attributes, the last rows are over all of them.
//
// Without -model a small one that is part of the program is steered, by the settings
// of -preset books. -B and -D are as in pplm/generate, but each attribute is measured
// by itself.
//
// With -out, a folder gets settings.json, with which -config repeats the run,
// samples.jsonl and samples.csv with every text, summary.csv with the table, and
// relevance.png and .svg, relevance against perplexity; each file whole or not at
// all. Ctrl-C ends the run and keeps what was measured.
package main
