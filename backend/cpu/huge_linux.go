package cpu

import (
	"os"

	"golang.org/x/sys/unix"
)

// hugeFrom is the size of a storage from which large pages are asked for: less
// than such a page, since storages lie side by side.
const hugeFrom = 256 << 10

// preferHuge asks the system for large pages, with which weights are read a
// fifth faster. It is a hint: an error changes nothing.
func preferHuge(mem []byte) {
	page := os.Getpagesize()
	skip := -int(addressOf(mem)) & (page - 1)
	if len(mem) >= max(hugeFrom, skip+page) {
		_ = unix.Madvise(mem[skip:skip+(len(mem)-skip)&^(page-1)], unix.MADV_HUGEPAGE)
	}
}
