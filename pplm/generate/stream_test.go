package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// piped runs the program on a pipe. See hears of each write before the program goes
// on.
func piped(t *testing.T, ctx context.Context, args []string, see func(part string)) error {
	r, w := io.Pipe()
	done := make(chan error)
	go func() {
		err := run(ctx, args, nil, w, io.Discard)
		w.Close()
		done <- err
	}()
	buf := make([]byte, 1<<16) // more than any write
	for {
		n, err := r.Read(buf)
		if n > 0 {
			see(string(buf[:n]))
		}
		if err != nil {
			require.Equal(t, io.EOF, err)
			return <-done
		}
	}
}

// A pipe gets the first sample of each side token by token, in whole characters, and
// what it gets is what a file has.
func TestPipe(t *testing.T) {
	for _, more := range []string{"", "-B legal", "-B legal -sample -num_samples 2", "-colorama -B " + write(t, "words.txt", "license\nthe\nwork\nprogram\n")} {
		args := append(small(more), "-length", "20")
		var parts []string
		require.NoError(t, piped(t, t.Context(), args, func(part string) {
			assert.True(t, utf8.ValidString(part), "%q", part)
			parts = append(parts, part)
		}))
		assert.Greater(t, len(parts), 15, more)
		assert.Equal(t, output1(t, args...), strings.Join(parts, ""))
	}
}

// The first token is seen before the second one but one is made, and then the text
// can be ended; what has not begun is left out.
func TestPipeEnds(t *testing.T) {
	for _, more := range []string{"", "-sample -num_samples 2"} {
		pipeEnds(t, append(small("-B legal -length 50"), strings.Fields(more)...))
	}
}

func pipeEnds(t *testing.T, args []string) {
	whole := output1(t, args...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var parts []string
	require.NoError(t, piped(t, ctx, args, func(part string) {
		parts = append(parts, part)
		cancel()
	}))
	assert.LessOrEqual(t, len(parts), 4, "a token, the one that was in the making, the end and another sample")
	assert.True(t, strings.HasPrefix(whole, parts[0]))
	assert.Regexp(t, "^= unsteered(, sample 1)? =\nThe license", parts[0])
	assert.NotContains(t, strings.Join(parts, ""), "= steered")
	texts, all := fromText(t, strings.Join(parts, "")), fromText(t, whole)
	require.Len(t, texts, len(all)/2)
	for i, text := range texts {
		assert.Greater(t, len(all[2*i]), 2*len(text))
	}
}

// Ended in the second text, the first one is whole.
func TestPipeEndsLater(t *testing.T) {
	args := append(small("-B legal -sample -num_samples 2"), "-length", "20")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out strings.Builder
	require.NoError(t, piped(t, ctx, args, func(part string) {
		out.WriteString(part)
		if strings.Contains(part, "= steered: legal, sample 1 =") {
			cancel()
		}
	}))
	whole, got := fromText(t, output1(t, args...)), fromText(t, out.String())
	require.Len(t, got, 4)
	for i := range got {
		if i%2 == 0 {
			assert.Equal(t, whole[i], got[i])
		} else {
			assert.Less(t, len(got[i]), len(whole[i]))
		}
	}
}

// Columns in a pipe come line by line.
func TestPipeOfColumns(t *testing.T) {
	args := append(small("-B legal -columns 40"), "-length", "60")
	var parts []string
	require.NoError(t, piped(t, t.Context(), args, func(part string) {
		assert.True(t, strings.HasSuffix(part, "\n"))
		parts = append(parts, part)
	}))
	assert.Greater(t, len(parts), 8, "and two above the text, the last lines and the notes")
	assert.Equal(t, output1(t, args...), strings.Join(parts, ""))
}

// JSON and ranked samples come in one piece.
func TestPipeOfWholes(t *testing.T) {
	for _, more := range []string{"-B legal -json", "-B legal -sample -num_samples 2 -rerank -json"} {
		parts := 0
		require.NoError(t, piped(t, t.Context(), small(more), func(string) { parts++ }))
		assert.Equal(t, 1, parts, more)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	parts := 0
	require.NoError(t, piped(t, ctx, small("-B legal -sample -num_samples 2 -rerank"), func(string) {
		parts++
		cancel() // which would be an error before all is made
	}))
	assert.Equal(t, 2, parts, "a text each")
}

// breaking is an output that breaks after some writes.
type breaking struct{ left int }

var errBroken = errors.New("broken pipe")

func (b *breaking) Write(p []byte) (int, error) {
	if b.left--; b.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

// A pipe that breaks ends the work.
func TestBrokenPipe(t *testing.T) {
	for left := 0; ; left++ {
		out := &breaking{left: left}
		err := run(t.Context(), small("-B legal"), nil, out, io.Discard)
		if err == nil {
			assert.Greater(t, left, 10)
			break
		}
		require.EqualError(t, err, "broken pipe")
		assert.GreaterOrEqual(t, out.left, -2, "no more than the end of the line after it")
	}
}

// However a text grows, it is in the end what it is in one piece.
func TestStreamColours(t *testing.T) {
	for _, tt := range []struct{ words, pieces []string }{
		{[]string{"law"}, []string{" the", " law", "."}},
		{[]string{"law"}, []string{" law", "yer", " law"}},
		{[]string{"law"}, []string{" law", "\xc3", "\xa9", " law", "\xc3", " law"}},
		{[]string{"law"}, []string{"\n\n", " law", "\n", "law"}},
		{[]string{"hard drive"}, []string{" hard", " drive", " law", " time"}},
		{[]string{"hard drive"}, []string{" hard", " drive", " hard", " drives"}},
		{[]string{"hard drive", "drive", "drive time"}, []string{" hard", " drive", " time"}},
		{[]string{"hard drive", "drive", "drive time"}, []string{" drive", " hard", " drive", " a", " time"}},
		{[]string{"very long drive", "time"}, []string{" very", " long", " drive", " time", " time", "s"}},
		{[]string{"caf\u00e9"}, []string{" caf", "\xc3", "\xa9", "s"}},
	} {
		whole := made(t, "The", tt.words, tt.pieces...)
		var once, grown strings.Builder
		require.NoError(t, (&stream{w: &once, colour: true}).end("x", whole, "(note)"))
		s := &stream{w: &grown, colour: true}
		x := newText("The", whole.decoder, whole.bags)
		for _, id := range whole.tokens {
			x.add(id)
			require.NoError(t, s.grow("x", x))
		}
		x.end()
		require.NoError(t, s.end("x", x, "(note)"))
		plain := strings.NewReplacer(red, "", reset, "")
		assert.Equal(t, once.String(), grown.String())
		assert.Equal(t, "= x =\n"+whole.content+"\n(note)\n\n", plain.Replace(grown.String()))
	}
}

func TestRegular(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer f.Close()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	assert.True(t, regular(f))
	assert.False(t, regular(w))
	assert.False(t, regular(new(bytes.Buffer)))
}
