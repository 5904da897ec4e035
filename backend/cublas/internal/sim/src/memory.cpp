// Device memory and pinned memory: blocks of the host's memory that end at a page
// without access. New device memory is poisoned with bytes of 0xff, NaN.
#include "sim.h"

#include <algorithm>
#include <string.h>
#include <sys/mman.h>

static const size_t PAGE = 64 << 10; // at least a page of any machine
static const size_t QUARANTINE = 256;

static size_t whole(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// start_of is where a block begins: its end is as near to the guard page as 16
// bytes of alignment allow.
unsigned long long start_of(const Memory &m) {
	return (unsigned long long)(m.map + m.mapped - PAGE) - whole(m.bytes, 16);
}

Memory guarded(size_t bytes) {
	Memory m = {nullptr, 2 * PAGE + whole(bytes, PAGE), bytes};
	void *p = mmap(nullptr, m.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return m;
	m.map = (char *)p;
	mprotect(m.map, PAGE, PROT_NONE);
	mprotect(m.map + m.mapped - PAGE, PAGE, PROT_NONE);
	return m;
}

void unguard(const Memory &m) { munmap(m.map, m.mapped); }

// within tells whether a range lies in one block of a table.
static bool within(const std::map<unsigned long long, Memory> &table, const void *p, size_t bytes) {
	unsigned long long at = (unsigned long long)p;
	auto i = table.upper_bound(at);
	if (i == table.begin())
		return false;
	--i;
	return at - i->first <= i->second.bytes && bytes <= i->second.bytes - (at - i->first);
}

bool in_device(const void *p, size_t bytes) { return bytes == 0 || within(sim.device, p, bytes); }
bool in_pinned(const void *p, size_t bytes) { return within(sim.pinned, p, bytes); }

static bool near_to(unsigned long long address, const Memory &m) {
	return address >= (unsigned long long)m.map && address < (unsigned long long)m.map + m.mapped;
}

std::string place_of(unsigned long long address) {
	for (const Memory &m : sim.freed)
		if (near_to(address, m))
			return text("in a freed block of %zu bytes", m.bytes);
	for (const auto &i : sim.device)
		if (near_to(address, i.second)) {
			long long offset = (long long)(address - i.first);
			return text("at byte %lld of a block of %zu", offset, i.second.bytes);
		}
	return "in no block";
}

// A byte of what lies before and after a block on its pages.
static const unsigned char MARGIN = 0xa5;

// margins are whole where nothing was written just outside the block.
static bool margins_whole(const Memory &m) {
	const unsigned char *from = (const unsigned char *)m.map + PAGE, *end = (const unsigned char *)m.map + m.mapped - PAGE;
	const unsigned char *p = (const unsigned char *)start_of(m);
	for (; from < p; from++)
		if (*from != MARGIN)
			return false;
	for (p += m.bytes; p < end; p++)
		if (*p != MARGIN)
			return false;
	return true;
}

EXPORT CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
	BEGIN;
	*total = sim.limit;
	*free = sim.limit - sim.live;
	return OK;
}

EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *p, size_t bytes) {
	BEGIN;
	if (refuse_in_capture())
		return CAPTURE_UNSUPPORTED;
	if (bytes == 0)
		return INVALID_VALUE;
	if (int code = fails(POINT_ALLOC))
		return code;
	if (bytes > sim.limit - sim.live)
		return OUT_OF_MEMORY;
	Memory m = guarded(bytes);
	if (!m.map)
		return OUT_OF_MEMORY;
	*p = start_of(m);
	char *from = m.map + PAGE, *start = (char *)*p, *end = m.map + m.mapped - PAGE;
	memset(from, MARGIN, start - from);
	memset(start, 0xff, bytes);
	memset(start + bytes, MARGIN, end - start - bytes);
	sim.device[*p] = m;
	sim.live += bytes;
	sim.peak = std::max(sim.peak, sim.live);
	return OK;
}

EXPORT CUresult cuMemFree_v2(CUdeviceptr p) {
	BEGIN;
	if (refuse_in_capture())
		return CAPTURE_UNSUPPORTED;
	if (p == 0)
		return OK;
	auto i = sim.device.find(p);
	if (i == sim.device.end())
		return INVALID_VALUE;
	if (int code = drain_all())
		return code;
	Memory m = i->second;
	if (!margins_whole(m))
		raise(ILLEGAL_ADDRESS, text("something was written just outside a block of %zu bytes", m.bytes));
	sim.device.erase(i);
	sim.live -= m.bytes;
	// The address stays taken for a while, so that a use of it is found.
	mmap(m.map, m.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	sim.freed.push_back(m);
	if (sim.freed.size() > QUARANTINE) {
		unguard(sim.freed.front());
		sim.freed.pop_front();
	}
	return sim.fault;
}

EXPORT CUresult cuMemHostAlloc(void **p, size_t bytes, unsigned) {
	BEGIN;
	if (refuse_in_capture())
		return CAPTURE_UNSUPPORTED;
	if (bytes == 0)
		return INVALID_VALUE;
	if (int code = fails(POINT_HOST_ALLOC))
		return code;
	Memory m = guarded(bytes);
	if (!m.map)
		return OUT_OF_MEMORY;
	*p = (void *)start_of(m);
	memset(*p, 0xff, bytes);
	sim.pinned[start_of(m)] = m;
	sim.held += bytes;
	return OK;
}

// waited_for tells whether work is queued that uses a block of pinned memory.
static bool waited_for(const Memory &m) {
	unsigned long long from = start_of(m);
	for (const void *h : sim.handles[KIND_STREAM])
		for (const Op &op : ((CUstream)h)->queue)
			if ((unsigned long long)op.host - from < m.bytes)
				return true;
	return false;
}

EXPORT CUresult cuMemFreeHost(void *p) {
	BEGIN;
	auto i = sim.pinned.find((unsigned long long)p);
	if (i == sim.pinned.end())
		return INVALID_VALUE;
	if (waited_for(i->second))
		return raise(LAUNCH_FAILED, "pinned memory was freed that a queued copy uses");
	sim.held -= i->second.bytes;
	unguard(i->second);
	sim.pinned.erase(i);
	return OK;
}

// copy queues a copy between device memory and pinned memory or other device
// memory. Memory that is not pinned is staged as the driver does: read at once,
// or written before the call returns.
static int copy(void *dst, const void *src, size_t bytes, bool device_dst, bool device_src, CUstream s) {
	if (int code = stream_ready(s))
		return code;
	if ((device_dst && !in_device(dst, bytes)) || (device_src && !in_device(src, bytes)))
		return INVALID_VALUE;
	if (int code = fails(POINT_COPY))
		return code;
	if (bytes == 0)
		return OK;
	const void *host = device_dst && device_src ? nullptr : device_dst ? src : dst;
	bool pageable = host && !in_pinned(host, bytes);
	if (pageable && refuse_in_capture())
		return CAPTURE_UNSUPPORTED;
	std::shared_ptr<std::vector<char>> staged;
	if (pageable && device_dst)
		staged = std::make_shared<std::vector<char>>((const char *)src, (const char *)src + bytes);
	auto run = [=]() -> int {
		if ((device_dst && !in_device(dst, bytes)) || (device_src && !in_device(src, bytes)) || (host && !pageable && !in_pinned(host, bytes)))
			return raise(ILLEGAL_ADDRESS, "a copy uses memory that was freed");
		memmove(dst, staged ? staged->data() : src, bytes);
		return OK;
	};
	int code = enqueue(s, {Op::COPY, text("%d %d", device_dst, device_src), pageable ? nullptr : host, run});
	return code == 0 && pageable && device_src ? drain(s) : code;
}

EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dst, const void *src, size_t bytes, CUstream s) {
	BEGIN;
	return copy((void *)dst, src, bytes, true, false, s);
}

EXPORT CUresult cuMemcpyDtoHAsync_v2(void *dst, CUdeviceptr src, size_t bytes, CUstream s) {
	BEGIN;
	return copy(dst, (const void *)src, bytes, false, true, s);
}

EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr dst, CUdeviceptr src, size_t bytes, CUstream s) {
	BEGIN;
	return copy((void *)dst, (const void *)src, bytes, true, true, s);
}

template <typename T> static int set(CUdeviceptr p, T value, size_t n, CUstream s) {
	if (int code = stream_ready(s))
		return code;
	if (!in_device((void *)p, n * sizeof(T)) || p % sizeof(T))
		return INVALID_VALUE;
	if (int code = fails(POINT_SET))
		return code;
	if (n == 0)
		return OK;
	return enqueue(s, {Op::SET, text("%zu", sizeof(T)), nullptr, [=]() -> int {
		if (!in_device((void *)p, n * sizeof(T)))
			return raise(ILLEGAL_ADDRESS, "a fill uses memory that was freed");
		std::fill_n((T *)p, n, value);
		return OK;
	}});
}

EXPORT CUresult cuMemsetD8Async(CUdeviceptr p, unsigned char value, size_t n, CUstream s) {
	BEGIN;
	return set(p, value, n, s);
}

EXPORT CUresult cuMemsetD32Async(CUdeviceptr p, unsigned value, size_t n, CUstream s) {
	BEGIN;
	return set(p, value, n, s);
}

void free_all() {
	for (auto *table : {&sim.device, &sim.pinned}) {
		for (const auto &i : *table)
			unguard(i.second);
		table->clear();
	}
	sim.live = sim.held = 0;
}
