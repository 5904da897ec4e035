package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/nlpodyssey/gopickle/types"
)

// The first two values of a file of pickles.
const (
	legacyMagic    = "1950a86a20f9469cfc6c"
	legacyProtocol = 1001
)

// readZip reads an archive NAME/data.pkl, NAME/data/KEY, ... and finds its
// storages' bytes.
func readZip(data []byte) (any, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	entries := make(map[string]*zip.File, len(archive.File))
	for _, e := range archive.File {
		_, name, ok := strings.Cut(e.Name, "/")
		if !ok {
			continue
		}
		if entries[name] != nil {
			return nil, fmt.Errorf("two entries are called %.60q", name)
		}
		entries[name] = e
	}
	if entries["data.pkl"] == nil {
		return nil, errors.New("a zip archive without data.pkl, so not of torch.save")
	}
	if e := entries["byteorder"]; e != nil {
		if order, err := entryText(e); err != nil || string(order) != "little" {
			return nil, fmt.Errorf("byte order %.20q: only little is read (%v)", order, err)
		}
	}
	text, err := entryText(entries["data.pkl"])
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	m := &machine{storages: make(map[string]*storage)}
	root, _, err := m.load(text)
	if err != nil {
		return nil, err
	}
	for _, s := range m.order {
		body, err := entryBytes(entries["data/"+s.key], data)
		if err != nil {
			return nil, fmt.Errorf("storage %.30q: %w", s.key, err)
		}
		if err := s.put(body); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// entryText reads a short entry.
func entryText(e *zip.File) ([]byte, error) {
	r, err := e.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, maxPickle+1))
	if err == nil && len(text) > maxPickle {
		err = fmt.Errorf("more than %d bytes", maxPickle)
	}
	return text, err
}

// entryBytes are the bytes of an entry where they lie.
func entryBytes(e *zip.File, data []byte) ([]byte, error) {
	if e == nil {
		return nil, errors.New("it is missing from the archive")
	}
	if e.Method != zip.Store {
		return nil, errors.New("its entry is compressed, which torch.save does not do")
	}
	offset, err := e.DataOffset()
	if err != nil {
		return nil, err
	}
	if uint64(offset) > uint64(len(data)) || e.CompressedSize64 > uint64(len(data))-uint64(offset) {
		return nil, errors.New("cut short")
	}
	return data[offset:][:e.CompressedSize64], nil
}

// readLegacy reads pickles of a magic number, a version, the machine, the
// object and the storages' keys, then each storage: its length in elements and
// its bytes.
func readLegacy(data []byte) (any, error) {
	m := &machine{storages: make(map[string]*storage)}
	magic, data, err := m.load(data)
	if n, ok := magic.(*big.Int); err != nil || !ok || n.Text(16) != legacyMagic {
		return nil, errors.New("not a file of torch.save: it is neither a zip archive nor begins with PyTorch's magic number")
	}
	version, data, err := m.load(data)
	if err != nil {
		return nil, err
	}
	if version != legacyProtocol {
		return nil, fmt.Errorf("version %v of the format, want %d", version, legacyProtocol)
	}
	about, data, err := m.load(data)
	if err != nil {
		return nil, err
	}
	if d, ok := about.(*types.Dict); ok {
		if little, ok := d.Get("little_endian"); ok && little != true {
			return nil, errors.New("written on a big-endian machine, which is not read")
		}
	}
	root, data, err := m.load(data)
	if err != nil {
		return nil, err
	}
	keys, data, err := m.load(data)
	if err != nil {
		return nil, err
	}
	return root, m.readStorages(keys, data)
}

// readStorages finds the storages of the keys in a row.
func (m *machine) readStorages(keys any, data []byte) error {
	list, ok := keys.(*types.List)
	if !ok {
		return errors.New("no list of storages follows the pickles")
	}
	found := 0
	for _, item := range *list {
		key, _ := item.(string)
		s := m.storages[key]
		if s == nil || s.data != nil {
			return fmt.Errorf("storage %.30q is not named by any tensor or lies there twice", key)
		}
		if len(data) < 8 || binary.LittleEndian.Uint64(data) != uint64(s.n) {
			return fmt.Errorf("storage %.30q: cut short, or its length is not %d", key, s.n)
		}
		if err := s.put(data[8:]); err != nil {
			return err
		}
		data = data[8+len(s.data):]
		found++
	}
	if found != len(m.storages) {
		return fmt.Errorf("%d of %d storages are missing", len(m.storages)-found, len(m.storages))
	}
	return nil
}
