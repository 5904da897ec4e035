//go:build !amd64 || noasm

package vec

import "github.com/tiller-ml/tiller/backend/cpu/internal/asm"

var implementations = map[asm.InstructionSet]*kernels{asm.Generic: &generic}
