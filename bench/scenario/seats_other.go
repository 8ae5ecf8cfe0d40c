// SPDX-License-Identifier: MIT

//go:build !linux

package scenario

import "errors"

// seats are Linux only: scenarios with sockets are skipped elsewhere.
type seats struct{}

func newSeats() (*seats, error)       { return nil, errors.ErrUnsupported }
func (*seats) join(string, int) error { return errors.ErrUnsupported }
func (*seats) settle() error          { return errors.ErrUnsupported }
func (*seats) expect(int) error       { return errors.ErrUnsupported }
func (*seats) segments() (int, error) { return 0, errors.ErrUnsupported }
