//go:build cgo && linux

package cuda

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// cacheLimit is how many bytes of CUBINs are kept.
const cacheLimit = 64 << 20

// Cubins compiles kernels, and keeps what it compiled on disk. A cache that
// cannot be read or written is no error: the kernels are compiled.
type Cubins struct {
	Compiler     *Compiler
	Architecture string // such as "sm_90"
	Folder       string // of the cache; without one nothing is kept
	Limit        int64  // bytes that are kept; those used longest ago go first
}

// Cubins compiles for the device, and keeps CUBINs in the user's cache.
func (v *Device) Cubins() *Cubins {
	c := &Cubins{
		Compiler:     v.driver.Compiler,
		Architecture: fmt.Sprintf("sm_%d%d", v.Major, v.Minor),
		Limit:        cacheLimit,
	}
	if user, err := os.UserCacheDir(); err == nil {
		c.Folder = filepath.Join(user, "tiller", "cubin")
	}
	return c
}

// Load is the CUBIN of a source; name stands for it in errors.
func (c *Cubins) Load(name, source string) (image []byte, err error) {
	path := c.path(source)
	if image, ok := readEntry(path); ok {
		return image, nil
	}
	image, _, err = c.Compiler.Compile(name, source, Options(c.Architecture)...)
	if err != nil {
		return nil, fmt.Errorf("NVRTC %s, %s: %w", c.Compiler.NVRTC.Version, c.Architecture, err)
	}
	if path != "" && writeEntry(path, image) == nil {
		c.prune()
	}
	return image, nil
}

// path is the file of a source's CUBIN: it is named by all that the CUBIN
// depends on, the compiler's file among it, since two of one version may differ.
func (c *Cubins) path(source string) string {
	info, err := os.Stat(c.Compiler.NVRTC.Path)
	if c.Folder == "" || err != nil {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", Options(c.Architecture)) // the architecture is one of them
	fmt.Fprintf(h, "%q %q %d %d\n", c.Compiler.NVRTC.Version, c.Compiler.NVRTC.Path, info.Size(), info.ModTime().UnixNano())
	h.Write([]byte(source))
	return filepath.Join(c.Folder, hex.EncodeToString(h.Sum(nil))+".cubin")
}

// An entry is the SHA-256 of the image, then the image.

// readEntry is the image of an entry that is whole, which it marks as used.
func readEntry(path string) (image []byte, ok bool) {
	entry, err := os.ReadFile(path)
	if err != nil || len(entry) < sha256.Size {
		return nil, false
	}
	image = entry[sha256.Size:]
	sum := sha256.Sum256(image)
	if !bytes.Equal(sum[:], entry[:sha256.Size]) {
		return nil, false
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // one that cannot be marked goes sooner
	return image, true
}

// writeEntry writes an entry whole or not at all.
func writeEntry(path string, image []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(image)
	_, err = file.Write(slices.Concat(sum[:], image))
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name()) // what came first is reported
	}
	return err
}

// prune removes the entries that were used longest ago until the rest is within
// the limit. What another process removes meanwhile is as good as removed.
func (c *Cubins) prune() {
	entries, err := os.ReadDir(c.Folder)
	if err != nil {
		return
	}
	var files []fs.FileInfo
	var total int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
			total += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range files {
		if total <= c.Limit {
			return
		}
		if os.Remove(filepath.Join(c.Folder, info.Name())) == nil {
			total -= info.Size()
		}
	}
}
