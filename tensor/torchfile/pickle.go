package torchfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// maxPickle is the length of the longest pickle that is read: enough for a
// hundred thousand tensors.
const maxPickle = 1 << 24

// function is what stands for a global that a pickle calls.
type function func(args []any) (any, error)

// Call makes a function what the pickle machine calls.
func (f function) Call(args ...any) (any, error) { return f(args) }

// globals are what a pickle may name.
var globals = map[string]any{
	"collections.OrderedDict":         &types.OrderedDictClass{},
	"torch._utils._rebuild_tensor_v2": function(rebuildTensor),
	"torch._utils._rebuild_parameter": function(rebuildParameter),
	"torch.DoubleStorage":             safetensors.F64,
	"torch.FloatStorage":              safetensors.F32,
	"torch.HalfStorage":               safetensors.F16,
	"torch.BFloat16Storage":           safetensors.BF16,
	"torch.LongStorage":               safetensors.I64,
	"torch.IntStorage":                safetensors.I32,
	"torch.ShortStorage":              safetensors.I16,
	"torch.CharStorage":               safetensors.I8,
	"torch.ByteStorage":               safetensors.U8,
	"torch.BoolStorage":               safetensors.Bool,
}

// How an instruction's operand is found; what is not negative is its length.
const (
	counted1 = -1 - iota // a byte with the length comes first
	counted4             // four bytes, little-endian
	twoLines
)

// operands are the instructions of pickle protocols 2 and 3 that dictionaries
// of tensors, numbers and strings are made of.
var operands = map[byte]int{
	0x80: 1, '.': 0, // PROTO STOP
	'(': 0, '0': 0, 'N': 0, 0x88: 0, 0x89: 0, // MARK POP NONE NEWTRUE NEWFALSE
	'K': 1, 'M': 2, 'J': 4, 'G': 8, 0x8a: counted1, // BININT1 BININT2 BININT BINFLOAT LONG1
	'U': counted1, 'T': counted4, 'X': counted4, // SHORT_BINSTRING BINSTRING BINUNICODE
	'q': 1, 'r': 4, 'h': 1, 'j': 4, // BINPUT LONG_BINPUT BINGET LONG_BINGET
	')': 0, 't': 0, 0x85: 0, 0x86: 0, 0x87: 0, // EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3
	']': 0, 'a': 0, 'e': 0, // EMPTY_LIST APPEND APPENDS
	'}': 0, 's': 0, 'u': 0, // EMPTY_DICT SETITEM SETITEMS
	'c': twoLines, 'R': 0, 'b': 0, 'Q': 0, // GLOBAL REDUCE BUILD BINPERSID
}

// scan finds where the first pickle of data ends, and that it has nothing but
// the instructions and globals above and no operand longer than the data.
func scan(data []byte) (end int, err error) {
	for at := 0; at < min(len(data), maxPickle); {
		op := data[at]
		at++
		rest := data[at:]
		n, known := operands[op]
		if !known {
			return 0, fmt.Errorf("pickle instruction %#02x at byte %d: only what torch.save writes for a state dict in protocols 2 and 3 is read", op, at-1)
		}
		switch n {
		case counted1:
			if n = 1; len(rest) >= 1 {
				n += int(rest[0])
			}
		case counted4:
			if n = 4; len(rest) >= 4 {
				n += int(binary.LittleEndian.Uint32(rest))
			}
		case twoLines:
			if n, err = checkGlobal(rest); err != nil {
				return 0, err
			}
		}
		if n > len(rest) {
			return 0, errors.New("a pickle in it is cut short")
		}
		if at += n; op == '.' {
			return at, nil
		}
	}
	return 0, fmt.Errorf("a pickle in it is cut short or longer than %d bytes", maxPickle)
}

// checkGlobal is the length of the two lines that name a global on the list.
func checkGlobal(text []byte) (int, error) {
	module, rest, ok := bytes.Cut(text, []byte("\n"))
	name, _, ok2 := bytes.Cut(rest, []byte("\n"))
	if !ok || !ok2 {
		return 0, errors.New("a pickle in it is cut short")
	}
	global := string(module) + "." + string(name)
	if _, ok := globals[global]; !ok {
		return 0, &GlobalError{global}
	}
	return len(module) + len(name) + 2, nil
}

// GlobalError says that a file's pickle names a class or a function other than
// those that tensors are made of, as that of a whole module does.
type GlobalError struct{ Global string }

func (e *GlobalError) Error() string {
	return fmt.Sprintf("its pickle names %.100q, which is refused: only tensors in dictionaries and lists are read", e.Global)
}

// machine reads the pickles of one file.
type machine struct {
	storages map[string]*storage
	order    []*storage // as they are first named
}

// load reads the first pickle of data and says what follows it.
func (m *machine) load(data []byte) (value any, rest []byte, err error) {
	end, err := scan(data)
	if err != nil {
		return nil, nil, err
	}
	// The pickle machine trusts its input and may panic on a stack or memo that
	// does not fit the instructions.
	defer func() {
		if r := recover(); r != nil {
			value, rest, err = nil, nil, fmt.Errorf("malformed pickle: %v", r)
		}
	}()
	u := pickle.NewUnpickler(bytes.NewReader(data[:end]))
	u.FindClass = func(module, name string) (any, error) { return globals[module+"."+name], nil }
	u.PersistentLoad = m.storage
	if value, err = u.Load(); err != nil {
		return nil, nil, fmt.Errorf("malformed pickle: %w", err)
	}
	return value, data[end:], nil
}

// storage is the one that a tuple ("storage", type, key, device, elements[,
// view]) tells of.
func (m *machine) storage(id any) (any, error) {
	t, ok := id.(*types.Tuple)
	if !ok || len(*t) < 5 || (*t)[0] != "storage" {
		return nil, errors.New("an object outside the pickle that is no storage")
	}
	dtype, ok := (*t)[1].(safetensors.DType)
	key, ok2 := (*t)[2].(string)
	n, ok3 := (*t)[4].(int)
	if !ok || !ok2 || !ok3 || n < 0 {
		return nil, errors.New("a storage without a valid type, key and length")
	}
	if len(*t) > 5 && (*t)[5] != nil {
		return nil, fmt.Errorf("storage %.30q is a view of another: files of PyTorch before 0.4 are not read", key)
	}
	s, ok := m.storages[key]
	if !ok {
		s = &storage{key: key, dtype: dtype, n: n}
		m.storages[key] = s
		m.order = append(m.order, s)
	}
	if s.dtype != dtype || s.n != n {
		return nil, fmt.Errorf("storage %.30q is named with two types or lengths", key)
	}
	return s, nil
}
