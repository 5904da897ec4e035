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
	if err := j.add(z, false); err != nil {
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
	return j.addMembers(members)
}

// addMembers appends members of a zip, which are sorted by name.
func (j *joiner) addMembers(members []*zip.File) error {
	names := make([]string, len(members))
	for i, f := range members {
		names[i] = f.Name
	}
	trio, ok := ownFiles(names)
	if !ok || !j.own {
		for _, f := range members {
			if err := j.addMember(f, true); err != nil {
				return err
			}
		}
		return nil
	}
	for i, name := range trio {
		before := j.size
		if err := j.addMember(members[slices.Index(names, name)], false); err != nil {
			return err
		}
		j.sizes[i] = j.size - before
	}
	return nil
}

func (j *joiner) addMember(f *zip.File, dropBinary bool) error {
	const encrypted = 0x1
	if f.Flags&encrypted != 0 {
		return fmt.Errorf("unpacking %q: it is encrypted", f.Name)
	}
	r, err := f.Open()
	if err == nil {
		defer r.Close()
		err = j.add(r, dropBinary)
	}
	if err != nil {
		return fmt.Errorf("unpacking %q: %w", f.Name, err)
	}
	return nil
}
