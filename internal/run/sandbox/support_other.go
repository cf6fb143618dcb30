//go:build !linux

package sandbox

import "errors"

func abi() (int, error) { return 0, errors.New("only Linux has Landlock") }
