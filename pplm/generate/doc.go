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
// NO_COLOR is set), and further samples, which advance with the first in one batch,
// follow when they are whole. Elsewhere the texts come one below another when all are
// made, or with -json as an object a line: first the effective flags, which -config
// reads, then each sample with its tokens and their probabilities. So nothing is
// half-written where there is an error. Ctrl-C ends the texts early, with status 0;
// JSON and ranked samples, which would not be whole, with an error.
//
// The same flags give the same text, on any number of threads.
package main
