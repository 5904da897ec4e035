package corpus

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVocab(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[255-i] = byte(i)
	}
	tests := []struct {
		name string
		text string
		n    int
		ids  []int32
		json string
	}{
		{"sorted by byte", "banana\n\xff", 5, []int32{2, 1, 3, 1, 3, 1, 0, 4}, "[10,97,98,110,255]"},
		{"one symbol", "\x00\x00", 1, []int32{0, 0}, "[0]"},
		{"every byte", string(every), 256, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := NewByteVocab([]byte(tt.text))
			require.Equal(t, tt.n, v.Len())
			ids, err := v.Encode([]byte(tt.text))
			require.NoError(t, err)
			if tt.ids != nil {
				require.Equal(t, tt.ids, ids)
			}
			require.Equal(t, tt.text, string(v.Decode(ids)))

			data, err := json.Marshal(struct{ Vocab *ByteVocab }{v})
			require.NoError(t, err)
			if tt.json != "" {
				require.JSONEq(t, `{"Vocab":`+tt.json+`}`, string(data))
			}
			var back struct{ Vocab *ByteVocab }
			require.NoError(t, json.Unmarshal(data, &back))
			require.Empty(t, cmp.Diff(v, back.Vocab, cmp.AllowUnexported(ByteVocab{})))
		})
	}
}

func TestVocabUnknown(t *testing.T) {
	v := NewByteVocab([]byte("abc"))
	_, err := v.Encode([]byte("abcd"))
	assert.EqualError(t, err, "byte 0x64 ('d') at offset 3 is not among the 3 symbols of the vocabulary")
	_, err = v.Encode([]byte("\x00abc"))
	assert.ErrorContains(t, err, "byte 0x00 ('\\x00') at offset 0")
	assert.Panics(t, func() { v.Decode([]int32{3}) })
	assert.Panics(t, func() { v.Decode([]int32{-1}) })
}

func TestVocabJSONErrors(t *testing.T) {
	tests := []struct{ data, want string }{
		{"null", "it has no symbols"},
		{"[]", "it has no symbols"},
		{"[97, 97]", "entry 1 is 97 after 97"},
		{"[98, 97]", "entry 1 is 97 after 98"},
		{"[-1]", "entry 0 is -1"},
		{"[0, 256]", "entry 1 is 256"},
		{"[1.5]", "cannot unmarshal number 1.5"},
		{`"abc"`, "cannot unmarshal string"},
		{"[1", "unexpected end"},
	}
	for _, tt := range tests {
		t.Run(tt.data, func(t *testing.T) {
			v := NewByteVocab([]byte("kept"))
			require.ErrorContains(t, v.UnmarshalJSON([]byte(tt.data)), tt.want)
			require.Equal(t, NewByteVocab([]byte("kept")), v)
		})
	}
}

func FuzzVocabJSON(f *testing.F) {
	for _, s := range []string{"[10,97]", "null", "[]", "[256]", "{}", "[1,1]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v ByteVocab
		if json.Unmarshal(data, &v) != nil || v.Len() == 0 {
			return // null leaves it as it is
		}
		again, err := json.Marshal(&v)
		if err != nil {
			t.Fatal(err)
		}
		var back ByteVocab
		if err := json.Unmarshal(again, &back); err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(v, back, cmp.AllowUnexported(ByteVocab{})) {
			t.Fatalf("%s reads back as %s", data, again)
		}
		if ids, err := v.Encode(v.symbols); err != nil || len(ids) != v.Len() || ids[v.Len()-1] != int32(v.Len()-1) {
			t.Fatalf("%s: ids %v (%v)", data, ids, err)
		}
	})
}
