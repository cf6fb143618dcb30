//go:build unix && !linux

package journal

import (
	"errors"
	"os"
)

// syncData is os.File.Sync, which on macOS asks the drive too (F_FULLFSYNC).
func syncData(f *os.File) error { return f.Sync() }

func reserve(*os.File, int64, int64) error { return errors.ErrUnsupported }
