package backend

import "github.com/tiller-ml/tiller/tensor"

// Mapper makes buffers of memory that is somebody else's, such as a mapped
// file's, without a copy. It is an optional ability.
type Mapper interface {
	// Map is a buffer over mem, elements in the host's byte order (of Int8 whole
	// blocks); false where mem is not aligned to an element. It is only read, and
	// must stay as it is until the buffer is freed; it may be read-only memory.
	// Whoever writes to such a buffer is at fault.
	Map(dtype tensor.DType, mem []byte) (tensor.Buffer, bool)
}
