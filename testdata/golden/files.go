// Package golden holds the reference programs' numbers, for programs that run
// where this folder is not: see internal/golden.
package golden

import "embed"

//go:embed sharnn pplm
var Files embed.FS
