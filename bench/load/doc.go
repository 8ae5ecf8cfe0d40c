// SPDX-License-Identifier: MIT

// Package load puts publishers and players on a streaming server and measures what
// they get. It knows no server from inside: it speaks RTMP and HTTP-FLV and reads
// /proc for what the server costs.
//
// [Run] carries out one test. Each of its loops owns a part of the connections, on
// one thread and one epoll; there is no goroutine per connection. The goroutine of
// Run conducts: it says which stage of the test is on (see stage.go), through one
// atomic number that every loop looks at once per turn, and collects the figures
// at the end.
//
// A player parses what it receives until it has its first picture. Then, unless it
// is a sample, it discards inside the kernel (recv with MSG_TRUNC): its bytes are
// counted and never copied, so one core of the client holds more players than one
// core of any server. A sample goes on parsing, and finds in each video frame when
// it was sent (package media), and its number.
//
// [RunHLS] does the same with players of HLS, which ask a few times per second: each of them is a
// goroutine.
//
// A [Floor] is the other side, for comparison: a server that sends the same amount and
// does nothing else.
//
// Linux only; elsewhere Run and NewFloor return errors.ErrUnsupported.
package load
