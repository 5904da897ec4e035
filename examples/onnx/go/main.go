// Command go writes text with an exported SHA-RNN.
//
//	export ONNXRUNTIME=/path/to/libonnxruntime.so
//	go run . model.onnx "It was " 300 0.8
//
// The arguments are the model, the text to go on from, the number of symbols to
// write, and the temperature: 0 takes the likeliest symbol each time.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/tiller-ml/tiller/sharnn/corpus"
)

// piece is the number of positions in which a prompt is read.
const piece = 256

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 1 || len(args) > 4 {
		return fmt.Errorf("usage: go run . MODEL [PROMPT [COUNT [TEMPERATURE]]]")
	}
	args = append(args, []string{"", "It was ", "300", "0.8"}[len(args):]...)
	path, prompt := args[0], args[1]
	count, err := strconv.Atoi(args[2])
	if err != nil {
		return fmt.Errorf("count: %w", err)
	}
	temperature, err := strconv.ParseFloat(args[3], 64)
	if err != nil {
		return fmt.Errorf("temperature: %w", err)
	}
	ort.SetSharedLibraryPath(os.Getenv("ONNXRUNTIME"))
	if err := ort.InitializeEnvironment(); err != nil {
		return fmt.Errorf("opening the library that ONNXRUNTIME names: %w", err)
	}
	defer ort.DestroyEnvironment()
	vocab, err := loadVocab(path)
	if err != nil {
		return err
	}
	m, err := open(path)
	if err != nil {
		return err
	}
	defer m.close()
	return write(m, vocab, prompt, count, temperature)
}

// loadVocab is the vocabulary that a model's metadata describe.
func loadVocab(path string) (corpus.Vocab, error) {
	metadata, err := ort.GetModelMetadata(path)
	if err != nil {
		return nil, err
	}
	defer metadata.Destroy()
	saved, found, err := metadata.LookupCustomMetadataMap("vocab")
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%s: the model is over bare ids: it has no vocabulary", path)
	}
	return corpus.LoadVocab(filepath.Dir(path), json.RawMessage(saved))
}

func write(m *model, vocab corpus.Vocab, prompt string, count int, temperature float64) error {
	ids, err := vocab.Encode([]byte(prompt))
	if err != nil {
		return err
	}
	var logits []float32
	for part := range slices.Chunk(ids, piece) {
		if logits, err = m.read(part); err != nil {
			return err
		}
	}
	fmt.Print(prompt)
	for range count {
		symbol := []int32{draw(logits, temperature)}
		os.Stdout.Write(vocab.Decode(symbol))
		if logits, err = m.read(symbol); err != nil {
			return err
		}
	}
	fmt.Println()
	return nil
}

// draw takes a symbol by the model's distribution, the likeliest at temperature 0.
func draw(logits []float32, temperature float64) int32 {
	most := slices.Max(logits)
	best := int32(slices.Index(logits, most))
	if temperature == 0 {
		return best
	}
	weights, sum := make([]float64, len(logits)), 0.0
	for id, l := range logits {
		weights[id] = math.Exp(float64(l-most) / temperature)
		sum += weights[id]
	}
	left := rand.Float64() * sum
	for id, w := range weights {
		if left -= w; left < 0 {
			return int32(id)
		}
	}
	return best
}
