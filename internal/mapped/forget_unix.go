//go:build unix

package mapped

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Forget tells the system that data, a part of what [File] gave, will not be
// read again: its memory is free for other uses. What data holds afterwards is
// undefined; bytes beside it stay as they are.
func Forget(data []byte) {
	page := uintptr(os.Getpagesize())
	start := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
	skip := -start & (page - 1)
	if uintptr(len(data)) < skip+page {
		return
	}
	// Only a hint: an error changes nothing.
	_ = unix.Madvise(data[skip:skip+(uintptr(len(data))-skip)&^(page-1)], unix.MADV_DONTNEED)
}
