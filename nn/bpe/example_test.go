package bpe_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/tiller-ml/tiller/nn/bpe"
)

func Example() {
	text := strings.Repeat("she sells sea shells by the sea shore\n", 3)
	tok, err := bpe.Train(context.Background(), text, 270, nil)
	if err != nil {
		log.Fatal(err)
	}
	ids := tok.Encode("she sees shells")
	for _, id := range ids {
		fmt.Printf("%q ", tok.Token(id))
	}
	fmt.Println(tok.Decode(ids) == "she sees shells")
	// Output: "she" " se" "e" "s" " she" "lls" true
}

// Text is shown as it is made: a character appears when its last byte is there.
func ExampleDecoder() {
	tok, err := bpe.Train(context.Background(), "aaaa", bpe.MinSize, nil)
	if err != nil {
		log.Fatal(err)
	}
	d := tok.Decoder()
	for _, id := range tok.Encode("a\u00e9\u4f60!\xe4") {
		fmt.Printf("%q ", d.Next(id))
	}
	fmt.Printf("%q\n", d.End())
	// Output: "a" "" "é" "" "" "你" "!" "" "�"
}
