// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// lockPid writes the process id to file and keeps it locked, so that a second instance
// with the same configuration refuses to start. The lock goes with the process, however
// it ends.
func lockPid(file string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, fmt.Errorf("srsd: pid file: %w", err)
	}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("srsd: pid file: %w", err)
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock); err != nil {
		other, _ := os.ReadFile(file)
		_ = f.Close()
		return nil, fmt.Errorf("srsd: another instance (pid %.20q) holds %s: stop it, "+
			"or give this one a `pid` of its own", other, file)
	}
	_ = f.Truncate(0)
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("srsd: pid file: %w", err)
	}
	return func() {
		_ = os.Remove(file)
		_ = f.Close()
	}, nil
}
