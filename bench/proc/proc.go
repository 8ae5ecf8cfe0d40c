// SPDX-License-Identifier: MIT

// Package proc reads from the operating system what a load test has to know: what
// a process costs, and how much this machine lets one process open. It reads
// Linux's /proc; elsewhere every function returns errors.ErrUnsupported.
package proc

import "time"

// Usage is what a process has cost so far.
type Usage struct {
	CPU      time.Duration // user and system time of all its threads
	RSSBytes int64         // memory that is resident now
	Threads  int           // now
}

// Add returns the sum of two processes.
func (u Usage) Add(v Usage) Usage {
	return Usage{CPU: u.CPU + v.CPU, RSSBytes: u.RSSBytes + v.RSSBytes, Threads: u.Threads + v.Threads}
}

// Ports is the range of local ports that the kernel takes for outgoing
// connections, both ends included.
type Ports struct{ First, Last int }

// Count is how many connections one local address can have to one remote address
// and port.
func (p Ports) Count() int { return p.Last - p.First + 1 }
