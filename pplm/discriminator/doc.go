// Command discriminator trains a discriminator for PPLM, a linear classifier of a
// language model's mean hidden state, and classifies texts with one.
//
//	go run ./pplm/discriminator -model gpt2-medium -dataset generic -dataset_fp reviews.tsv
//	go run ./pplm/discriminator -model gpt2-medium -dataset SST -dataset_fp trees -cached
//	go run ./pplm/discriminator -model gpt2-medium -head generic_classifier_head -predict "What a film!"
//
// Every text is read once by the language model, which takes nearly all of the
// time; with -cached the representations are kept in the output folder, and a
// later run with the same model and texts begins where training begins. The head
// is saved as NAME_classifier_head.safetensors and .json, NAME being -dataset, with
// its classes and the language model it belongs to: give its path to
// ./pplm/generate with -D.
package main
