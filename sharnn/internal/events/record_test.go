package events

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The bytes are those of TensorBoard's own RecordWriter.
func TestRecord(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, c := range []struct{ data, head, tail string }{
		{"", "000000000000000029039807", "d8ea82a2"},
		{"tiller", "06000000000000007369d537", "b9723dbd"},
		{string(every), "00010000000000002fb308df", "60231ad3"},
	} {
		got := appendRecord(nil, []byte(c.data))
		assert.Equal(t, c.head+hex.EncodeToString([]byte(c.data))+c.tail, hex.EncodeToString(got))
	}
}

// The bytes are those of the classes that protoc makes of TensorBoard's event.proto.
func TestEvents(t *testing.T) {
	wall := time.UnixMicro(12_500_000)
	for _, c := range []struct {
		want string
		got  *message
	}{
		{"0900000000000029401a0d627261696e2e4576656e743a32", versionEvent(wall)},
		{"09000000000000294010ac023a020801", startEvent(300, wall)},
		{"09000000000000294010072a0c0a0a0a03612f62150000803e", scalarsEvent(7, wall, []Scalar{{"a/b", 0.25}})},
		{"09000000000000294010072a240a220a0673616d706c65420c0807120412020801420268694a0a0a060a04746578742002",
			textEvent(7, wall, "sample", "hi")},
	} {
		assert.Equal(t, c.want, hex.EncodeToString(*c.got))
	}
}

// parse reads records until one is cut off or damaged, and returns what is left.
func parse(file []byte) (records [][]byte, rest []byte) {
	for len(file) >= 12 {
		n := binary.LittleEndian.Uint64(file)
		if masked(file[:8]) != binary.LittleEndian.Uint32(file[8:]) || n > uint64(len(file)) || len(file) < 16+int(n) {
			break
		}
		data := file[12:][:n]
		if masked(data) != binary.LittleEndian.Uint32(file[12+n:]) {
			break
		}
		records, file = append(records, data), file[16+n:]
	}
	return records, file
}

// Records come back whole, cut off they end before, and a flipped bit is seen.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(nil), []byte("a"), uint(3))
	f.Add([]byte("tiller"), bytes.Repeat([]byte{0xff}, 300), uint(77))
	f.Fuzz(func(t *testing.T, a, b []byte, at uint) {
		file := appendRecord(appendRecord(nil, a), b)
		records, rest := parse(file)
		require.Empty(t, rest)
		require.Len(t, records, 2)
		require.True(t, bytes.Equal(a, records[0]) && bytes.Equal(b, records[1]))

		cut := int(at % uint(len(file)))
		whole := 0
		if cut >= 16+len(a) {
			whole = 1
		}
		records, _ = parse(file[:cut])
		require.Len(t, records, whole, "cut off at %d", cut)
		file[cut] ^= 1 << (at % 8)
		records, _ = parse(file)
		require.Len(t, records, whole, "a bit of byte %d flipped", cut)
	})
}
