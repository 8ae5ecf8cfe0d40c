// SPDX-License-Identifier: MIT

//go:build !linux

package main

import (
	"errors"
	"runtime"
	"syscall"
)

func apart() *syscall.SysProcAttr { return nil }

func pinned(int, func() error) error { return errors.ErrUnsupported }

func openFiles() (int, error) { return 0, errors.ErrUnsupported }

func kernel() string { return runtime.GOOS }
