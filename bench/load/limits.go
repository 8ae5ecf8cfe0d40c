// SPDX-License-Identifier: MIT

package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"srsd/bench/proc"
)

const (
	// filesReserve is how many files a test opens besides its connections: the
	// standard ones, an epoll per thread, /proc, the runtime's own.
	filesReserve = 32
	// timeWait is how long a port stays in TIME_WAIT on Linux.
	timeWait = 60 * time.Second
	// cpuShareMax is the share of a thread's time above which a client spoils what it measures.
	cpuShareMax = 0.9
	// turnLongNs is how long a turn of a loop may take before latencies show it.
	turnLongNs = int64(50 * time.Millisecond)
)

// ErrMachine says that a limit of this machine is too low for the test; it comes wrapped with
// which limit, and what to set.
var ErrMachine = errors.New("load: this machine's limit is too low")

// sourcesMax bounds the loopback addresses that spread chooses: 127.0.0.2 to 127.0.0.255.
const sourcesMax = 254

// spread chooses source addresses, if none are given and all targets are on this
// machine. Linux gives connect one half of the ports first, those of one parity, and walks
// through all of them again and again once they are taken: a connect costs a
// millisecond then. So no address gets more than that half.
func spread(o *Options) {
	ports, err := proc.LocalPorts()
	if err != nil || len(o.Sources) > 0 {
		return
	}
	most := 0
	for pair, n := range addressUse(o) {
		if remote := netip.MustParseAddrPort(pair[1]).Addr(); !remote.Is4() || !remote.IsLoopback() {
			return
		}
		most = max(most, n)
	}
	half := max(ports.Count()/2, 1)
	if most <= half {
		return
	}
	for i := range min((most+half-1)/half, sourcesMax) {
		o.Sources = append(o.Sources, netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + i)}))
	}
}

// checkMachine finds out beforehand whether this machine can carry out o. The
// warnings are about what may spoil the result.
func checkMachine(o *Options) (warnings []string, err error) {
	need := o.Players + o.Publishers + ghosts(o) + filesReserve + o.Threads
	if have, err := proc.OpenFiles(); err == nil && need > have {
		return nil, fmt.Errorf("%w: %d connections need %d open files, and this process may have %d: "+
			"type `ulimit -n %d` first (as root, or within the hard limit of `ulimit -Hn`), or use fewer",
			ErrMachine, o.Players+o.Publishers+ghosts(o), need, have, need)
	}
	ports, err := proc.LocalPorts()
	if err != nil {
		return nil, nil //nolint:nilerr // where the range cannot be read, connect will tell
	}
	for _, n := range addressUse(o) {
		if n > ports.Count() {
			return nil, fmt.Errorf("%w: %d connections from one source address to one server address, and it has "+
				"%d free ports (%d-%d): use --sources or --source for %d source addresses, or "+
				"`sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`",
				ErrMachine, n, ports.Count(), ports.First, ports.Last,
				max(len(o.Sources), 1)*((n+ports.Count()-1)/ports.Count()))
		}
		if n > ports.Count()/2 {
			warnings = append(warnings, fmt.Sprintf("%d connections from one source address take more than half of its "+
				"%d ports, and the kernel is slow to find the rest: use --source for more addresses, if there are any",
				n, ports.Count()))
			break
		}
		if waiting := n + leaves(o, n); waiting > ports.Count() {
			warnings = append(warnings, fmt.Sprintf("players that leave keep their ports for %v: %d players and %.0f "+
				"leaves per second take up to %d of %d ports; use --sources if connects fail",
				timeWait, n, o.ChurnRate, waiting, ports.Count()))
			break
		}
	}
	return warnings, nil
}

// ghosts is how many sockets of clients that have vanished are open at a time.
func ghosts(o *Options) int {
	if o.Soak.VanishEvery == 0 {
		return 0
	}
	silent := max(o.Soak.VanishFor, vanishedPublisher).Seconds()
	return int((o.ChurnRate + o.Soak.PublishRate) / float64(o.Soak.VanishEvery) * silent)
}

// leaves is how many ports are in TIME_WAIT at most, of one address that n connections start from.
func leaves(o *Options, n int) int {
	if o.Scenario != Churn {
		return 0
	}
	all := o.ChurnRate * min(timeWait, o.Duration).Seconds()
	return int(all * float64(n) / float64(o.Players+o.Publishers))
}

// addressUse counts connections per pair of source and server address.
func addressUse(o *Options) map[[2]string]int {
	use := make(map[[2]string]int)
	add := func(i int, remote netip.AddrPort) {
		source := ""
		if n := len(o.Sources); n > 0 {
			source = o.Sources[i%n].String()
		}
		use[[2]string{source, remote.String()}]++
	}
	for i := range o.Publishers {
		add(i, o.PublishTargets[i].Addr)
	}
	for i := range o.Players {
		add(i, o.PlayTargets[i%len(o.PlayTargets)].Addr)
	}
	return use
}

// judge finds what of the client's own may have spoiled the result.
func judge(o *Options, f *figures, r *Result) (warnings []string) {
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	if share := r.Client.CPU / float64(o.Threads); share > cpuShareMax {
		warn("the client used %.0f %% of its %d thread(s): it, not the server, may be what was measured; "+
			"use --threads %d on a machine with cores to spare, fewer players, or a larger --sample",
			100*share, o.Threads, o.Threads+1)
	}
	if f.turnNs > turnLongNs && o.Scenario != Storm {
		warn("the client's loop once took %d ms for a turn: the highest latencies are its own; keep its core free "+
			"(taskset), or use --threads", f.turnNs/int64(time.Millisecond))
	}
	if f.noPort > 0 {
		warn("%d connects found no free local port: use --sources or --source, or widen "+
			"net.ipv4.ip_local_port_range", f.noPort)
	}
	if f.noFile > 0 {
		warn("%d connects found no free file: raise `ulimit -n`, or fs.file-max", f.noFile)
	}
	if f.skewed > 0 {
		warn("%d frames arrived before they were sent: the clocks of publisher and player differ; run both on one "+
			"machine, or keep their clocks with NTP or PTP", f.skewed)
	}
	if o.Publishers > 0 && f.behindNs > turnLongNs {
		warn("publishers were up to %d ms behind: the client or the server did not keep up with them",
			f.behindNs/int64(time.Millisecond))
	}
	if o.Players > 0 && f.latency.TotalCount() == 0 && r.MeasuredS > 0 && o.Scenario == Steady {
		warn("no sampled player saw a send time: there is no latency; publish with srsbench (H.264 or H.265)")
	}
	return warnings
}
