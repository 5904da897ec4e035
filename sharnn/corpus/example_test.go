package corpus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tiller-ml/tiller/sharnn/corpus"
)

// A text is read, split, numbered and handed out in segments.
func Example() {
	dir, err := os.MkdirTemp("", "corpus")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "abc.txt")
	if err := os.WriteFile(path, []byte("abcdefghijklmnopqrst"), 0o666); err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	text, parts, _, err := corpus.OpenParts(ctx, path, "60/20/20", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer text.Close()
	fmt.Printf("train %s, valid %s, test %s\n", parts.Train, parts.Valid, parts.Test)

	const B, bptt = 3, 2
	vocab := corpus.NewByteVocab(text.Bytes)
	ids, err := corpus.EncodeText(ctx, vocab, parts.Train, nil)
	if err != nil {
		log.Fatal(err)
	}
	stream, err := corpus.Batchify(ids, B)
	if err != nil {
		log.Fatal(err)
	}
	for i, T := 0, 0; i < stream.Rows-1; i += T {
		T = min(bptt, stream.Rows-1-i)
		in, target := make([]int32, T*B), make([]int32, T*B) // (T, B)
		stream.Segment(in, target, i, T)
		fmt.Printf("%s -> %s\n", vocab.Decode(in), vocab.Decode(target))
	}
	// Output:
	// train abcdefghijkl, valid mnop, test qrst
	// aeibfj -> bfjcgk
	// cgk -> dhl
}

func ExampleParseSplit() {
	for _, s := range []string{"90/10", "90/5", "3/2"} {
		split, err := corpus.ParseSplit(s)
		if err != nil {
			log.Fatal(err)
		}
		parts, err := split.Cut([]byte("hello"))
		fmt.Printf("%q %q %v\n", parts.Train, parts.Valid, err)
	}
	// Output:
	// "hell" "o" <nil>
	// "" "" split 90/5: the numbers add up to 95, which is neither 100 per cent nor the text's 5 bytes
	// "hel" "lo" <nil>
}

// The vocabulary is stored with a checkpoint as a list of byte values.
func ExampleByteVocab() {
	data, err := json.Marshal(corpus.NewByteVocab([]byte("banana\n")))
	if err != nil {
		log.Fatal(err)
	}
	var vocab corpus.ByteVocab
	if err := json.Unmarshal(data, &vocab); err != nil {
		log.Fatal(err)
	}
	ids, err := vocab.Encode([]byte("nab"))
	fmt.Printf("%s %v %v\n", data, ids, err)
	_, err = vocab.Encode([]byte("nabs"))
	fmt.Println(err)
	// Output:
	// [10,97,98,110] [3 1 2] <nil>
	// byte 0x73 ('s') at offset 3 is not among the 4 symbols of the vocabulary
}
