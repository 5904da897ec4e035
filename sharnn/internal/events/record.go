package events

import (
	"encoding/binary"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of a TFRecord: the CRC-32C turned right by 15 bits, plus
// a constant, so that a checksum of bytes that hold checksums is a sound one.
func masked(data []byte) uint32 {
	crc := crc32.Checksum(data, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// appendRecord adds data as a TFRecord: its length, the length's checksum, data
// and their checksum, all little-endian.
func appendRecord(dst, data []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	dst = append(dst, length...)
	dst = binary.LittleEndian.AppendUint32(dst, masked(length))
	dst = append(dst, data...)
	return binary.LittleEndian.AppendUint32(dst, masked(data))
}
