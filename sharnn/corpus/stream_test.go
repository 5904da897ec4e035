package corpus

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor"
)

// batchify encodes a text and lays it out.
func batchify(t testing.TB, text []byte, v Vocab, batch int) (*Stream, error) {
	ids, err := EncodeText(t.Context(), v, text, nil)
	if err != nil {
		return nil, err
	}
	return Batchify(ids, batch)
}

func TestSegment(t *testing.T) {
	tests := []struct {
		name       string
		text       string
		batch      int
		i, T       int
		in, target string // row by row
	}{
		{"two lanes", "abcdefgh", 2, 0, 3, "aebfcg", "bfcgdh"},
		{"later rows", "abcdefgh", 2, 1, 2, "bfcg", "cgdh"},
		{"remainder dropped", "abcdefghX", 2, 2, 1, "cg", "dh"},
		{"remainder of a lane less one", "abcdefXYZ", 5, 0, 1, "", ""},
		{"one lane", "abcd", 1, 0, 3, "abc", "bcd"},
		{"two rows", "abcdef", 3, 0, 1, "ace", "bdf"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := NewByteVocab([]byte(tt.text))
			s, err := batchify(t, []byte(tt.text), v, tt.batch)
			if tt.in == "" {
				require.ErrorContains(t, err, "text of 9 bytes is too short for a batch of 5: it needs at least 10 bytes")
				return
			}
			require.NoError(t, err)
			require.Equal(t, len(tt.text)/tt.batch, s.Rows)
			in, target := make([]int32, tt.T*tt.batch), make([]int32, tt.T*tt.batch)
			s.Segment(in, target, tt.i, tt.T)
			require.Equal(t, tt.in, string(v.Decode(in)))
			require.Equal(t, tt.target, string(v.Decode(target)))
		})
	}
}

func TestSegmentsCoverText(t *testing.T) {
	text := make([]byte, 1000)
	for i := range text {
		text[i] = byte(rand.N(256))
	}
	v := NewByteVocab(text)
	ids, err := v.Encode(text)
	require.NoError(t, err)
	for _, batch := range []int{1, 3, 7, 16, 500} {
		s, err := batchify(t, text, v, batch)
		require.NoError(t, err)
		for i, T := 0, 0; i < s.Rows-1; i += T {
			T = min(13, s.Rows-1-i)
			in, target := make([]int32, T*batch), make([]int32, T*batch)
			s.Segment(in, target, i, T)
			for k := range in {
				at := k%batch*(len(text)/batch) + i + k/batch
				require.Equal(t, ids[at], in[k])
				require.Equal(t, ids[at+1], target[k])
			}
		}
	}
}

func TestBatchifyErrors(t *testing.T) {
	v := NewByteVocab([]byte("abc"))
	tests := []struct {
		text  string
		batch int
		want  string
	}{
		{"abc", 0, "batch size 0: want at least 1"},
		{"abc", -1, "batch size -1"},
		{"abc", 2, "text of 3 bytes is too short for a batch of 2: it needs at least 4 bytes"},
		{"", 1, "text of 0 bytes"},
		{"abc", math.MaxInt, "too short for a batch"},
		{"abxa", 2, "byte 0x78 ('x') at offset 2"},
	}
	for _, tt := range tests {
		_, err := batchify(t, []byte(tt.text), v, tt.batch)
		assert.ErrorContains(t, err, tt.want)
	}
	_, err := batchify(t, []byte("abcabc"), v, 4)
	assert.ErrorContains(t, err, "too short")
}

func TestSegmentPanics(t *testing.T) {
	s, err := batchify(t, []byte("aaaaaaaa"), NewByteVocab([]byte("a")), 2) // 4 rows
	require.NoError(t, err)
	tests := []struct {
		name             string
		i, T, in, target int
	}{
		{"before the start", -1, 1, 2, 2},
		{"no rows", 0, 0, 0, 0},
		{"no target row", 0, 4, 8, 8},
		{"behind the end", 3, 1, 2, 2},
		{"overflow", math.MaxInt, 1, 2, 2},
		{"more than a stream", 0, math.MaxInt, 2, 2},
		{"short input", 0, 2, 3, 4},
		{"long target", 0, 2, 4, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var err error
			func() {
				defer tensor.Catch(&err)
				s.Segment(make([]int32, tt.in), make([]int32, tt.target), tt.i, tt.T)
			}()
			assert.ErrorContains(t, err, "corpus.Segment")
		})
	}
}

func TestSegmentAllocatesNothing(t *testing.T) {
	text := bytes.Repeat([]byte("text"), 100)
	s, err := batchify(t, text, NewByteVocab(text), 4)
	require.NoError(t, err)
	in, target := make([]int32, 40), make([]int32, 40)
	assert.Zero(t, testing.AllocsPerRun(10, func() { s.Segment(in, target, 5, 10) }))
}

func TestSegmentLength(t *testing.T) {
	tests := []struct {
		bptt int
		u, z float64
		want int
	}{
		{100, 0, 0, 100},
		{100, 0, 3, 100},
		{100, 0, -1, 95},
		{100, 0, -1.01, 94}, // 94.95
		{100, 0.9499, -1, 95},
		{100, 0.95, 0, 50},
		{100, 0.95, 2, 60},
		{101, 0.99, 0, 50}, // 50.5
		{101, 0.99, 0.1, 51},
		{100, 0, -100, 5},
		{100, 0.99, 11, 100},
		{10, 0.99, -1, 5},
		{3, 0, 0, 3},
		{1, 0.99, -3, 1},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, SegmentLength(tt.bptt, tt.u, tt.z), "%+v", tt)
	}
}

func BenchmarkSegment(b *testing.B) {
	text := bytes.Repeat([]byte("the quick brown fox "), 500_000)
	const B, T = 16, 128
	s, err := batchify(b, text, NewByteVocab(text), B)
	if err != nil {
		b.Fatal(err)
	}
	in, target := make([]int32, T*B), make([]int32, T*B)
	b.SetBytes(T * B)
	i := 0
	for b.Loop() {
		s.Segment(in, target, i, T)
		i = (i + T) % (s.Rows - 1 - T)
	}
}

func BenchmarkBatchify(b *testing.B) {
	text := bytes.Repeat([]byte("the quick brown fox "), 500_000)
	v := NewByteVocab(text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := batchify(b, text, v, 16); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewVocab(b *testing.B) {
	text := bytes.Repeat([]byte("the quick brown fox "), 500_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		NewByteVocab(text)
	}
}
