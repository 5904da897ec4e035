package sharnn

import (
	"fmt"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Place is where a dropout applies: one site of one block, or the embeddings
// or the final hidden state of the model (Block -1).
type Place struct {
	Block int
	Site  Site
}

// Site is a place within a block or at the model's ends.
type Site uint32

// The sites, in the order in which a segment passes them.
const (
	SiteEmbedding Site = iota // idrop
	SiteLSTM                  // the LSTM's output
	SiteQuery                 // the attention's query
	SiteValue                 // its values, all rows
	SiteWeights               // its softmax weights
	SiteGate                  // what its r layer reads
	SiteAttention             // its output
	SiteBoomInner             // the Boom layer before the chunk sum
	SiteBoom                  // its output
	SiteOutput                // drop
	sites
)

// SiteRecurrent is the LSTM's weight_hh, all of a segment's steps alike (wdrop).
const SiteRecurrent = sites

var siteNames = [sites + 1]string{"idrop", "rnn", "attn.q", "attn.v", "attn.weights", "attn.r", "attn_out", "ff.inner", "ff_out", "drop", "rnn.weight_hh_l0"}

// String is the place as the reference's module path, "blocks.2.attn.q".
func (p Place) String() string {
	if p.Block < 0 {
		return siteNames[p.Site]
	}
	return fmt.Sprintf("blocks.%d.%s", p.Block, siteNames[p.Site])
}

// weightSites is where the numbers of SiteRecurrent begin, past those of the other
// sites, which it is not to move.
const weightSites = 1 << 23

// number is the place's site in a random key; it is part of what a seed means.
func (p Place) number() uint32 {
	if p.Site == SiteRecurrent {
		return weightSites + uint32(p.Block)
	}
	return uint32(p.Block+1)*uint32(sites) + uint32(p.Site)
}

// Dropouts gives the multiplier of a place. A nil Dropouts drops nothing, as in
// evaluation.
type Dropouts func(Place) backend.Dropout

func (d Dropouts) at(block int, s Site) backend.Dropout {
	if d == nil {
		return backend.Dropout{}
	}
	return d(Place{block, s})
}

// Rates are the probabilities of dropping, under the reference's flag names.
type Rates struct {
	Output    float64 // dropout: the final hidden state
	Hidden    float64 // dropouth: all sites of the blocks
	Embedding float64 // dropouti
	Recurrent float64 // wdrop: the elements of each LSTM's weight_hh
}

// At draws the masks of one training step.
func (r Rates) At(seed uint64, step uint32) Dropouts {
	return func(p Place) backend.Dropout {
		rate := r.Hidden
		switch p.Site {
		case SiteEmbedding:
			rate = r.Embedding
		case SiteOutput:
			rate = r.Output
		case SiteRecurrent:
			rate = r.Recurrent
		}
		return backend.Dropout{P: rate, Key: tensor.Key{Seed: seed, Step: step, Site: p.number()}}
	}
}
