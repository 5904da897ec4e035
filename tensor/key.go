package tensor

import (
	"math"
	"math/bits"
)

// Key names a stream of random numbers: the run's seed, the training step, and
// the site (which dropout, which parameter). Number i of the stream is a pure
// function of (Key, i), so nothing needs storing and every backend agrees.
//
// The generator is Philox4x32-10 (Salmon et al. 2011): key = the seed's two
// words, counter = (block low, block high, site, step), four words a block.
type Key struct {
	Seed uint64
	Step uint32
	Site uint32
}

// Block are the four random words number 4*i to 4*i+3.
func (k Key) Block(i uint64) [4]uint32 {
	return Philox([4]uint32{uint32(i), uint32(i >> 32), k.Site, k.Step}, [2]uint32{uint32(k.Seed), uint32(k.Seed >> 32)})
}

// Uniform is number i as a uniform in [0, 1) with 24 bits, which float32 holds
// exactly.
func (k Key) Uniform(i uint64) float64 {
	return Unit(k.Block(i / 4)[i%4])
}

// Normal is number i as a standard normal (Box-Muller over words 2i and 2i+1).
func (k Key) Normal(i uint64) float64 {
	b := k.Block(i / 2)
	j := 2 * (i % 2)
	return BoxMuller(b[j], b[j+1])
}

// Unit maps a random word to [0, 1).
func Unit(word uint32) float64 { return float64(word>>8) / (1 << 24) }

// BoxMuller maps two random words to a standard normal.
func BoxMuller(a, b uint32) float64 {
	radius := math.Sqrt(-2 * math.Log((float64(a)+0.5)/(1<<32)))
	return radius * math.Cos(2*math.Pi*float64(b)/(1<<32))
}

// Philox is ten rounds of Philox4x32 over a counter.
func Philox(ctr [4]uint32, key [2]uint32) [4]uint32 {
	for range 10 {
		hi0, lo0 := bits.Mul32(0xD2511F53, ctr[0])
		hi1, lo1 := bits.Mul32(0xCD9E8D57, ctr[2])
		ctr = [4]uint32{hi1 ^ ctr[1] ^ key[0], lo1, hi0 ^ ctr[3] ^ key[1], lo0}
		key[0] += 0x9E3779B9
		key[1] += 0xBB67AE85
	}
	return ctr
}
