// SPDX-License-Identifier: MIT

package load

import "errors"

// event says what happened to a connection.
type event struct {
	index, life        int32
	readable, writable bool // an error shows as both
}

// wanted is what a connection waits for.
type wanted uint8

const (
	wantRead wanted = iota
	wantReadWrite
	wantNothing // but the end of the connection
)

// errAgain: the socket has nothing, or takes nothing, right now.
var errAgain = errors.New("load: socket is not ready")

// eventsMax is how many events a loop takes in one turn. So many reads take a few
// milliseconds, and publishers should not be late by more.
const eventsMax = 512
