package main

import (
	"fmt"
	"math"
)

// perplexity is that of a symbol, e to the loss in nats per symbol, of a loss in
// nats per byte on the training part or the split; 0 where symbols are bytes, of
// which nobody gives it.
func (t *trainer) perplexity(split string, nats float64) float64 {
	perByte := t.stream.PerByte
	switch {
	case t.tokens == byteTokens:
		return 0
	case split == "valid":
		perByte = t.valid.perByte
	case split == "test":
		perByte = t.test.perByte
	}
	return min(math.Exp(nats/perByte), math.MaxFloat64)
}

// inPerplexity says it beside bits, if there is something to say.
func (t *trainer) inPerplexity(split string, nats float64) string {
	p := t.perplexity(split, nats)
	if p == 0 {
		return ""
	}
	return fmt.Sprintf(", perplexity %.2f per %s", p, t.vocab.Unit())
}
