//go:build unix

package mapped

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Forgetting a part of a mapped file loses nothing: what is mapped is read again.
func TestForget(t *testing.T) {
	want := bytes.Repeat([]byte("seven b"), 5*os.Getpagesize())
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, want, 0o644))
	data, unmap, err := File(path)
	require.NoError(t, err)
	for _, part := range [][]byte{data, data[100:], data[1:9], data[:0], nil, data[3 : len(data)-3]} {
		Forget(part)
		assert.Equal(t, want, data)
	}
	require.NoError(t, unmap())
}

// Of memory that is not mapped only whole pages within the part are lost.
func TestForgetMemory(t *testing.T) {
	page := os.Getpagesize()
	data := bytes.Repeat([]byte{7}, 5*page)
	Forget(data[page-1 : page+10])
	assert.Equal(t, bytes.Repeat([]byte{7}, 5*page), data)
	Forget(data[page+page/2 : 3*page+page/2])
	ends := bytes.Repeat([]byte{7}, page+page/2)
	assert.Equal(t, ends, data[:len(ends)])
	assert.Equal(t, ends, data[5*page-len(ends):])
}
