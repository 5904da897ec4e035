package onnx

import (
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message in the making. Its bytes are held, but for data
// of tensors, whose lengths are known and which are read when they are written.
type message struct {
	parts []part
	size  int64
}

// part is a run of bytes, or what write will write.
type part struct {
	bytes []byte
	write func(io.Writer) error // nil: bytes
}

func (m *message) tag(field protowire.Number, kind protowire.Type) {
	m.add(protowire.AppendTag(nil, field, kind))
}

func (m *message) add(b []byte) {
	m.size += int64(len(b))
	if n := len(m.parts); n > 0 && m.parts[n-1].write == nil {
		m.parts[n-1].bytes = append(m.parts[n-1].bytes, b...)
		return
	}
	m.parts = append(m.parts, part{bytes: b})
}

func (m *message) integer(field protowire.Number, v int64) {
	m.tag(field, protowire.VarintType)
	m.add(protowire.AppendVarint(nil, uint64(v)))
}

func (m *message) float(field protowire.Number, bits uint32) {
	m.tag(field, protowire.Fixed32Type)
	m.add(protowire.AppendFixed32(nil, bits))
}

func (m *message) text(field protowire.Number, s string) {
	m.tag(field, protowire.BytesType)
	m.add(protowire.AppendString(nil, s))
}

// texts are a repeated field; empty ones count.
func (m *message) texts(field protowire.Number, list []string) {
	for _, s := range list {
		m.text(field, s)
	}
}

// data is a field of n bytes that write will write.
func (m *message) data(field protowire.Number, n int64, write func(io.Writer) error) {
	m.tag(field, protowire.BytesType)
	m.add(protowire.AppendVarint(nil, uint64(n)))
	m.parts = append(m.parts, part{write: write})
	m.size += n
}

// message nests sub, which must be complete.
func (m *message) message(field protowire.Number, sub *message) {
	m.tag(field, protowire.BytesType)
	m.add(protowire.AppendVarint(nil, uint64(sub.size)))
	size := m.size + sub.size
	for _, p := range sub.parts {
		if p.write == nil {
			m.add(p.bytes)
			continue
		}
		m.parts = append(m.parts, p)
	}
	m.size = size
}

func (m *message) write(w io.Writer) error {
	for _, p := range m.parts {
		if p.write != nil {
			if err := p.write(w); err != nil {
				return err
			}
			continue
		}
		if _, err := w.Write(p.bytes); err != nil {
			return err
		}
	}
	return nil
}
