// Command generate writes text that is steered by bags of words and
// discriminators, beside the unsteered text of the same seed.
//
//	go run ./pplm/generate
//	go run ./pplm/generate -B space -cond_text "The captain"
//	go run ./pplm/generate -D topics=science -cond_text "The captain"
//	go run ./pplm/generate -model gpt2-medium -B military -cond_text "The potato" -length 50 -gamma 1.5 -num_iterations 3 -num_samples 10 -stepsize 0.03 -window_length 5 -kl_scale 0.01 -gm_scale 0.99 -sample
//	go run ./pplm/generate -model gpt2-medium -D sentiment=very_positive -cond_text "The food" -preset code-discrim
//
// The first lines need nothing: they steer a small model that is part of the program,
// the first one towards two topics, by the settings of -preset books. -model takes the
// folder of a GPT-2, as Hugging Face lays it out, or of a SHA-RNN, as sharnn/train
// writes it. The flags have the names of the reference program, and with -model its
// defaults.
//
// -B and -D may come again, or name several attributes with ; between them; all of
// them add up:
//
//	-B military            the bag of words with that id, or a file of a word a line
//	-B military:0.5        with half the weight
//	-B '!politics'         away from it
//	-D sentiment=negative  a class of a head: here sentiment_classifier_head.pt or .safetensors
//	-D topics=science      a class of a head that belongs to the embedded model
//
// On a terminal both texts grow side by side, with the bag's words in colour (unless
// NO_COLOR is set). In a pipe or a file they come one below another: a line with what
// the text is, the text token by token, in whole characters, and a line with its score
// and its words of bags. (With -columns they stand side by side there too and come
// line by line; with -colorama a word is held back until the next token tells whether
// it has ended.) Further samples, which advance with the first in one batch, follow
// when they are whole. An error cuts the text short. Ctrl-C ends the texts early, with
// status 0; one that has not begun is left out.
//
// Ranked samples and JSON come when all are made, and not at all where there is an
// error or Ctrl-C. -json writes an object a line: first the effective flags, which
// -config reads, then each sample with its tokens and their probabilities.
//
// The same flags give the same text, on any number of threads.
package main
