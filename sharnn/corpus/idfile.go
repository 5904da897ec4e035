package corpus

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"unsafe"

	"github.com/tiller-ml/tiller/internal/mapped"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// keptText is the size in bytes of the longest text that is encoded anew each
// time, into memory: that takes no longer than to look for a file of its ids.
const keptText = 8 << 20

// A file of ids holds them as uint16 where the vocabulary fits, else as int32,
// in the machine's own order, and then this trailer.
type trailer struct {
	Magic uint64 // in another byte order it is another number
	Width uint32 // bytes of an id
	CRC   uint32 // Castagnoli, of the ids
	Count uint64
}

const (
	idMagic     = 0x7469_6c6c_6964_7331 // "tillids1"
	trailerSize = 24
)

var errDamaged = errors.New("damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeOrFind are the ids of text: from the cache, or encoded and kept there.
func encodeOrFind(ctx context.Context, v Vocab, text []byte, tell Progress) (*IDs, error) {
	if len(text) <= keptText {
		var all []int32
		err := encodeInto(ctx, v, text, tell, func(ids []int32) error {
			all = append(all, ids...)
			return nil
		})
		return NewIDs(all, 0, 0), err
	}
	write := func(w io.Writer) error { return writeIDs(ctx, w, v, text, tell) }
	path, err := idPath(ctx, v, text, tell)
	if err == nil {
		if ids, err := openIDs(path, v.Len()); err == nil {
			return ids, nil
		}
		if err = safetensors.WriteAtomic(path, write); err == nil {
			return openIDs(path, v.Len())
		}
		if !readOnly(err) {
			return nil, fmt.Errorf("keeping the encoded text: %w", err)
		}
	}
	if ctx.Err() != nil {
		return nil, err
	}
	data, unmap, err := scratch(write)
	if err != nil {
		return nil, err
	}
	return mapIDs(data, unmap, v.Len())
}

// idPath names the file of a text's ids after all that they depend on.
func idPath(ctx context.Context, v Vocab, text []byte, tell Progress) (string, error) {
	root, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "ids")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	vocab, err := fingerprint(v)
	if err != nil {
		return "", err
	}
	s, err := Scan(ctx, text, tell)
	if err != nil {
		return "", err
	}
	key := sha256.Sum256(slices.Concat([]byte("tiller ids 1"), vocab, s.SHA256[:]))
	return filepath.Join(dir, hex.EncodeToString(key[:16])+".ids"), nil
}

// fingerprint is a hash of a vocabulary's files.
func fingerprint(v Vocab) (sum []byte, err error) {
	dir, err := os.MkdirTemp("", "vocab-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	doc, err := v.Save(dir)
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %s", len(doc), doc)
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(h, "%s %d ", f.Name(), len(data))
		h.Write(data)
	}
	return h.Sum(nil), nil
}

// writeIDs writes a file of ids.
func writeIDs(ctx context.Context, w io.Writer, v Vocab, text []byte, tell Progress) error {
	end := trailer{Magic: idMagic, Width: 4}
	if v.Len() <= math.MaxUint16+1 {
		end.Width = 2
	}
	b := bufio.NewWriterSize(w, 1<<18)
	var narrow []uint16
	err := encodeInto(ctx, v, text, tell, func(ids []int32) error {
		data := tensor.Bytes(ids)
		if end.Width == 2 {
			narrow = narrow[:0]
			for _, id := range ids {
				narrow = append(narrow, uint16(id))
			}
			data = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(narrow))), 2*len(narrow))
		}
		end.Count += uint64(len(ids))
		end.CRC = crc32.Update(end.CRC, castagnoli, data)
		_, err := b.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	if err := binary.Write(b, binary.NativeEndian, end); err != nil {
		return err
	}
	return b.Flush()
}

// openIDs maps a file of ids below n.
func openIDs(path string, n int) (*IDs, error) {
	data, unmap, err := mapped.File(path)
	if err != nil {
		return nil, err
	}
	return mapIDs(data, unmap, n)
}

func mapIDs(data []byte, unmap func() error, n int) (*IDs, error) {
	ids, err := parseIDs(data, n)
	if err != nil {
		return nil, errors.Join(err, unmap())
	}
	ids.unmap = unmap
	return ids, nil
}

// parseIDs looks at a file of ids, which must be sound and below n.
func parseIDs(data []byte, n int) (*IDs, error) {
	if len(data) < trailerSize {
		return nil, errDamaged
	}
	body := data[:len(data)-trailerSize]
	var end trailer
	if _, err := binary.Decode(data[len(body):], binary.NativeEndian, &end); err != nil {
		return nil, err
	}
	count := uint64(len(body)) / max(uint64(end.Width), 1)
	if end.Magic != idMagic || end.Width != 2 && end.Width != 4 || len(body)%int(end.Width) != 0 ||
		end.Count != count || crc32.Checksum(body, castagnoli) != end.CRC {
		return nil, errDamaged
	}
	if count == 0 {
		return &IDs{}, nil
	}
	ids, first := &IDs{}, unsafe.Pointer(unsafe.SliceData(body))
	if end.Width == 2 {
		ids.narrow = unsafe.Slice((*uint16)(first), count)
		return ids, within(ids.narrow, n)
	}
	ids.wide = unsafe.Slice((*int32)(first), count)
	return ids, within(ids.wide, n)
}

func within[T uint16 | int32](ids []T, n int) error {
	for _, id := range ids {
		if id < 0 || int(id) >= n {
			return errDamaged
		}
	}
	return nil
}
