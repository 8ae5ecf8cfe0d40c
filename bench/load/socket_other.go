// SPDX-License-Identifier: MIT

//go:build !linux

package load

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// poller does not exist here: newPoller says so before anything else is called.
type poller struct{}

func newPoller() (*poller, error) { return nil, errors.ErrUnsupported }

func (p *poller) close() {}

func (p *poller) add(int, wanted, int32, int32) error { return errors.ErrUnsupported }

func (p *poller) change(int, wanted, int32, int32) error { return errors.ErrUnsupported }

func (p *poller) remove(int) error { return errors.ErrUnsupported }

func (p *poller) wait(time.Duration) ([]event, error) { return nil, errors.ErrUnsupported }

func (p *poller) waitAlone(time.Duration) ([]event, error) { return nil, errors.ErrUnsupported }

func dial(netip.AddrPort, netip.Addr) (int, error) { return -1, errors.ErrUnsupported }

func listen(at netip.AddrPort) (int, netip.AddrPort, error) { return -1, at, errors.ErrUnsupported }

func accept(int) (int, error) { return -1, errors.ErrUnsupported }

func connectError(int) error { return errors.ErrUnsupported }

func receive(int, []byte) (int, error) { return 0, errors.ErrUnsupported }

func discard(int, int) (int, error) { return 0, errors.ErrUnsupported }

func send(int, []byte) (int, error) { return 0, errors.ErrUnsupported }

func share(int) (net.Conn, error) { return nil, errors.ErrUnsupported }

func closeSocket(int, bool) {}
