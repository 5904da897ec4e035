// Command serve steers a language model on a page in the browser, and over HTTP as
// OpenAI's API has it.
//
//	go run ./pplm/serve
//	go run ./pplm/serve -model gpt2-medium -D sentiment
//	go run ./pplm/serve -addr :8080 -token "$(openssl rand -hex 16)" -host tiller.example
//
// The first line needs nothing: it serves a small model that is part of the program.
// -model takes the folder of a GPT-2, as Hugging Face lays it out, or of a SHA-RNN, as
// sharnn/train writes it; -B and -D add bags of words and discriminators to those that
// are built in. Nothing else is read: a request brings words of its own, but can name
// no file and no address.
//
// The server listens on this machine alone, and only its own page can ask it. With
// -addr it listens elsewhere, for those who know the token (-token, or TILLER_TOKEN in
// the environment).
//
// Ctrl-C ends it when the texts that are being written are there, or after 10 seconds;
// another one at once. The log has a line for each request, never a part of a text.
// docs/serve.md tells more.
package main
