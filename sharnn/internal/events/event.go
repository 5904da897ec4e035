package events

import (
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// version is what the first event of a file says of its format. From 2 on a
// session's start voids what older files say of its step and later ones.
const version = "brain.Event:2"

// message is a protobuf message in the making.
type message []byte

func (m *message) integer(field protowire.Number, v int64) {
	*m = protowire.AppendTag(*m, field, protowire.VarintType)
	*m = protowire.AppendVarint(*m, uint64(v))
}

func (m *message) double(field protowire.Number, v float64) {
	*m = protowire.AppendTag(*m, field, protowire.Fixed64Type)
	*m = protowire.AppendFixed64(*m, math.Float64bits(v))
}

func (m *message) float(field protowire.Number, v float32) {
	*m = protowire.AppendTag(*m, field, protowire.Fixed32Type)
	*m = protowire.AppendFixed32(*m, math.Float32bits(v))
}

func (m *message) bytes(field protowire.Number, v []byte) {
	*m = protowire.AppendTag(*m, field, protowire.BytesType)
	*m = protowire.AppendBytes(*m, v)
}

func (m *message) text(field protowire.Number, v string) { m.bytes(field, []byte(v)) }

// newEvent starts an Event.
func newEvent(step int, wall time.Time) *message {
	m := &message{}
	m.double(1, float64(wall.UnixMicro())/1e6)
	if step != 0 { // as encoders leave zeros out
		m.integer(2, int64(step))
	}
	return m
}

func versionEvent(wall time.Time) *message {
	m := newEvent(0, wall)
	m.text(3, version)
	return m
}

// startEvent is a SessionLog with the status START.
func startEvent(step int, wall time.Time) *message {
	const start = 1
	var log message
	log.integer(1, start)
	m := newEvent(step, wall)
	m.bytes(7, log)
	return m
}

// scalarsEvent has a Summary with a simple_value for each scalar.
func scalarsEvent(step int, wall time.Time, scalars []Scalar) *message {
	var summary message
	for _, s := range scalars {
		var value message
		value.text(1, s.Tag)
		value.float(2, float32(s.Value))
		summary.bytes(1, value)
	}
	m := newEvent(step, wall)
	m.bytes(5, summary)
	return m
}

// textEvent has a Summary with a TensorProto of one string, for the plugin that
// shows texts.
func textEvent(step int, wall time.Time, tag, markdown string) *message {
	const dtString, dataClassTensor = 7, 2
	var shape, dim, tensor, plugin, metadata, value, summary message
	dim.integer(1, 1)
	shape.bytes(2, dim)
	tensor.integer(1, dtString)
	tensor.bytes(2, shape)
	tensor.text(8, markdown)
	plugin.text(1, "text")
	metadata.bytes(1, plugin)
	metadata.integer(4, dataClassTensor)
	value.text(1, tag)
	value.bytes(8, tensor)
	value.bytes(9, metadata)
	summary.bytes(1, value)
	m := newEvent(step, wall)
	m.bytes(5, summary)
	return m
}
