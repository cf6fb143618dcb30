//go:build unix && !linux

package journal_test

import "errors"

// mountSmall is only asked for by a test on Linux; elsewhere a full disk is injected.
func mountSmall(string, int) error { return errors.ErrUnsupported }
