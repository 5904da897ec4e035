package books_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/books"
	"github.com/tiller-ml/tiller/pplm/shalm"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// What programs grow by.
func TestSize(t *testing.T) {
	size := int64(0)
	require.NoError(t, filepath.WalkDir("model", func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if !d.IsDir() {
			info, err := os.Stat(path)
			require.NoError(t, err)
			size += info.Size()
		}
		return nil
	}))
	assert.LessOrEqual(t, size, int64(12_000_000))
}

// The model expects English: sentences of ours cost it far less than the same
// bytes in another order.
func TestOpen(t *testing.T) {
	const text = `The captain went down to the harbour early in the morning, and found that the ship had sailed without him. "It is of no use," said the old man, "to be angry with the wind."`
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	for _, dtype := range []tensor.DType{0, tensor.Int8, tensor.BFloat16, tensor.Float32} {
		m, vocab, err := books.Open(b, dtype)
		require.NoError(t, err)
		ids, err := vocab.Encode([]byte(text))
		require.NoError(t, err)
		r, err := sharnn.Evaluate(context.Background(), m, ids, sharnn.Evaluation{Batch: 1, BPTT: 64})
		require.NoError(t, err)
		bits := r.Nats / 0.6931 * float64(len(ids)-1) / float64(len(text))
		assert.Less(t, bits, 2.4, "bits per byte as %v", dtype)
		m.Free()
	}
	assert.Zero(t, b.LiveBytes())
}

// The embedded heads belong to the embedded model, as whatever it is read.
func TestHeads(t *testing.T) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	require.NotEmpty(t, books.Heads())
	for _, dtype := range []tensor.DType{0, tensor.Float32, tensor.Float64} {
		m, _, err := books.Open(b, dtype)
		require.NoError(t, err)
		lm, err := shalm.New(m, "books")
		require.NoError(t, err)
		for _, name := range books.Heads() {
			h, err := books.Head(name)
			require.NoError(t, err)
			info := lm.Info()
			assert.NoError(t, h.Check(info.Name, info.Hash, info.Width), "%s as %v", name, dtype)
		}
		m.Free()
	}
	_, err = books.Head("none")
	assert.ErrorContains(t, err, `no embedded head "none": want topics`)
}

// Steering the embedded model with a bag of one's own words.
func Example() {
	b, err := cpu.New(backend.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()
	m, vocab, err := books.Open(b, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Free()
	lm, err := shalm.New(m, "books")
	if err != nil {
		fmt.Println(err)
		return
	}
	encode := func(text string) []int32 {
		ids, _ := vocab.Encode([]byte(text)) // a vocabulary of tokens has no errors
		return ids
	}
	war, err := pplm.NewBag("war", []string{"army", "enemy", "troops", "soldiers", "battle", "attack", "general", "war"}, encode)
	if err != nil {
		fmt.Println(err)
		return
	}
	preset, err := pplm.FindPreset("books")
	if err != nil {
		fmt.Println(err)
		return
	}
	count := func(iterations int) (n int) {
		how := preset.Settings
		how.Iterations, how.Sample = iterations, true
		samples, err := pplm.Generate(context.Background(), lm, pplm.Request{
			Prompt: encode("The old man said that"), Length: 40, Samples: 16, Seed: 2, Attributes: []pplm.Attribute{war}, Settings: how,
		}, nil)
		if err != nil {
			fmt.Println(err)
		}
		for _, s := range samples {
			for _, id := range s.Tokens {
				for _, w := range war.Words {
					if w.Tokens[0] == id {
						n++
					}
				}
			}
		}
		return n
	}
	fmt.Println("twice the war, at least:", count(3) > 2*count(0))
	// Output: twice the war, at least: true
}
