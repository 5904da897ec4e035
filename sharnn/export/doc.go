// Command export writes a SHA-RNN that train has trained as an ONNX model, which
// onnxruntime and other runtimes run without this project.
//
//	go run ./sharnn/export -checkpoint runs/book -o book/model.onnx
//	python3 examples/onnx/python/generate.py book/model.onnx "It was " 300
//
// Beside model.onnx it writes model.onnx.json, the configuration and vocabulary
// that the model's own metadata hold too, for runtimes that do not show these;
// of a model over tokens vocab.json and merges.txt, of one over words words.txt,
// so each such model wants a folder of its own; and of a model of 2 GB and more
// model.onnx.data, its numbers. Each file takes the old one's place when it is whole.
//
// Weights are written as float32, whatever the checkpoint holds. Package
// sharnn/onnx tells what goes in and out, docs/onnx.md how to carry it.
package main
