package corpus

import (
	"archive/zip"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
)

// trustedRatio bounds the memory that a zip's declared size gets in advance, as
// a multiple of the compressed size. Prose and markup pack to between a third
// and a fifth.
const trustedRatio = 8

var errOverlap = errors.New("the members of the zip overlap")

// addGzip appends the text that r unpacks to. Several gzip streams in a row are
// one text.
func (j *joiner) addGzip(r io.Reader) error {
	z, err := gzip.NewReader(r)
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening gzip: %w", err)
	}
	if err := j.add(z, 0, false); err != nil {
		return fmt.Errorf("unpacking gzip: %w", err)
	}
	return nil
}

// addZip appends the regular members of the zip of size bytes in r.
func (j *joiner) addZip(r io.ReaderAt, size int64) error {
	if size == 0 {
		return nil
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return fmt.Errorf("opening zip: %w", err)
	}
	members := slices.DeleteFunc(z.File, func(f *zip.File) bool {
		return !f.Mode().IsRegular() || hidden(f.Name)
	})
	slices.SortStableFunc(members, func(a, b *zip.File) int { return cmp.Compare(a.Name, b.Name) })

	// Without overlaps the text is at most some thousand times as large as the
	// zip, which is what deflate can do; with them there is no bound.
	left := uint64(size)
	for _, f := range members {
		if f.CompressedSize64 > left {
			return errOverlap
		}
		left -= f.CompressedSize64
	}
	for _, f := range members {
		if err := j.addMember(f); err != nil {
			return fmt.Errorf("unpacking %q: %w", f.Name, err)
		}
	}
	return nil
}

// addMember appends one member of a zip. Its compressed size has been checked
// against the file's.
func (j *joiner) addMember(f *zip.File) error {
	const encrypted = 0x1
	if f.Flags&encrypted != 0 {
		return errors.New("it is encrypted")
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	size := min(f.UncompressedSize64, trustedRatio*f.CompressedSize64)
	return j.add(r, int64(size), true)
}
