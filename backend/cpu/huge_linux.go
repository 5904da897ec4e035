package cpu

import "golang.org/x/sys/unix"

// hugeFrom is the size of a storage from which large pages are asked for: one
// such page.
const hugeFrom = 256 << 10

// preferHuge asks the system for large pages, with which weights are read a
// tenth faster. It is a hint: an error changes nothing.
func preferHuge(mem []byte) {
	const page = 4096
	skip := -int(addressOf(mem)) & (page - 1)
	if len(mem) >= hugeFrom {
		_ = unix.Madvise(mem[skip:skip+(len(mem)-skip)&^(page-1)], unix.MADV_HUGEPAGE)
	}
}
