package eventstest

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// Files is what the event files of a folder say, one after the other, without what
// [Read] does about things that are said twice. It needs no TensorBoard.
func Files(t testing.TB, dir string) Log {
	t.Helper()
	log := Log{Scalars: map[string][]Scalar{}, Texts: map[string][]Text{}}
	paths, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	require.NoError(t, err)
	for _, path := range paths {
		file, err := os.ReadFile(path)
		require.NoError(t, err)
		for len(file) > 0 {
			require.GreaterOrEqual(t, len(file), 16, "%s: a record that is cut off", path)
			n := binary.LittleEndian.Uint64(file)
			require.LessOrEqual(t, n, uint64(len(file)-16), "%s: a record that is cut off", path)
			log.event(t, file[12:12+n])
			file = file[16+n:]
		}
	}
	return log
}

// event adds the values of an Event's Summary.
func (l Log) event(t testing.TB, message []byte) {
	e := fields(t, message)
	if e[5] == nil {
		return
	}
	step := 0
	if e[2] != nil {
		step = int(e[2][0].number)
	}
	wall := math.Float64frombits(e[1][0].number)
	for _, v := range fields(t, e[5][0].bytes)[1] {
		value := fields(t, v.bytes)
		tag := string(value[1][0].bytes)
		if value[8] != nil {
			text := fields(t, value[8][0].bytes)[8][0].bytes
			l.Texts[tag] = append(l.Texts[tag], Text{step, string(text)})
			continue
		}
		number := math.Float32frombits(uint32(value[2][0].number))
		l.Scalars[tag] = append(l.Scalars[tag], Scalar{step, float64(number), wall})
	}
}

// field is a field's number or bytes.
type field struct {
	number uint64
	bytes  []byte
}

// fields are a message's, in order, by their numbers.
func fields(t testing.TB, message []byte) map[protowire.Number][]field {
	out := map[protowire.Number][]field{}
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		require.Positive(t, n)
		message = message[n:]
		var f field
		switch kind {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(message)
		case protowire.Fixed64Type:
			f.number, n = protowire.ConsumeFixed64(message)
		case protowire.Fixed32Type:
			var bits uint32
			bits, n = protowire.ConsumeFixed32(message)
			f.number = uint64(bits)
		default:
			f.bytes, n = protowire.ConsumeBytes(message)
		}
		require.Positive(t, n)
		out[number] = append(out[number], f)
		message = message[n:]
	}
	return out
}
