package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/tiller-ml/tiller/sharnn"
)

// report is what -json prints. Bits and nats are means per byte; targets, tokens
// per second and perplexity are of the model's symbols.
type report struct {
	Checkpoint string `json:"checkpoint"`
	Data       string `json:"data"`
	Split      string `json:"split"`
	Part       string `json:"part"`
	Bytes      int    `json:"bytes"`
	Targets    int    `json:"targets"`
	Unit       string `json:"unit"` // of a target: byte, token or word
	Lanes      int    `json:"batch_size"`
	BPTT       int    `json:"bptt"`
	Lines      []line `json:"results"`
}

// line is one pass.
type line struct {
	Memory        int     `json:"mem"`
	Bits          float64 `json:"bpc"`
	Nats          float64 `json:"nats"`
	ReferenceBits float64 `json:"reference_bpc"`
	ReferenceNats float64 `json:"reference_nats"`
	Perplexity    float64 `json:"ppl"` // e to the nats per symbol
	Speed         float64 `json:"tokens_per_s"`
	Seconds       float64 `json:"wall_s"`
}

func (s *settings) newReport(p part) *report {
	lanes := s.batch
	if lanes == 0 {
		lanes = min(max(p.ids.Len()/laneSymbols, 1), mostLanes)
	}
	lanes = min(lanes, max(p.ids.Len()-1, 1))
	return &report{
		Checkpoint: s.checkpoint, Data: p.text, Split: s.split, Part: p.name,
		Bytes: p.bytes, Targets: p.ids.Len() - 1, Lanes: lanes, BPTT: s.bptt, Unit: p.unit,
	}
}

// newLine turns a pass's figures, per symbol, into figures per byte.
func newLine(memory int, r sharnn.Result, p part, took time.Duration) line {
	nats, reference := r.Nats*p.perByte, r.Reference*p.perByte
	return line{
		Memory: memory, Bits: sharnn.Bits(nats), Nats: nats,
		ReferenceBits: sharnn.Bits(reference), ReferenceNats: reference,
		Perplexity: min(math.Exp(r.Nats), math.MaxFloat64),
		Speed:      float64(r.Targets) / took.Seconds(), Seconds: took.Seconds(),
	}
}

func (r *report) printHead(w io.Writer) {
	fmt.Fprintf(w, "%s part of %s (split %s): %d bytes, batch_size %d, bptt %d\n\n", r.Part, r.Data, r.Split, r.Bytes, r.Lanes, r.BPTT)
	fmt.Fprintf(w, "%9s %12s %12s %16s %16s %12s %12s\n", "", "bits", "nats", "reference's", "reference's", "perplexity", "")
	fmt.Fprintf(w, "%9s %12s %12s %16s %16s %12s %12s\n", "mem", "per char", "per char", "bits per char", "nats per char", "per "+r.Unit, "tokens/s")
}

func (l line) print(w io.Writer) {
	fmt.Fprintf(w, "%9d %12.5f %12.5f %16.5f %16.5f %12.4f %12.0f\n", l.Memory, l.Bits, l.Nats, l.ReferenceBits, l.ReferenceNats, l.Perplexity, l.Speed)
}

func (r *report) printJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
