// SPDX-License-Identifier: MIT

//go:build !linux

package proc

import "errors"

// Of returns errors.ErrUnsupported.
func Of(int) (Usage, error) { return Usage{}, errors.ErrUnsupported }

// Files returns errors.ErrUnsupported.
func Files(int) (int, error) { return 0, errors.ErrUnsupported }

// Self returns errors.ErrUnsupported.
func Self() (Usage, error) { return Usage{}, errors.ErrUnsupported }

// OpenFiles returns errors.ErrUnsupported.
func OpenFiles() (int, error) { return 0, errors.ErrUnsupported }

// LocalPorts returns errors.ErrUnsupported.
func LocalPorts() (Ports, error) { return Ports{}, errors.ErrUnsupported }
