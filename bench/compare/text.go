// SPDX-License-Identifier: MIT

package main

import (
	"regexp"
	"strings"
)

// reasonBytesMax is the longest reason in a row.
const reasonBytesMax = 300

// folders are the folders of a file name, which say something of a machine and nothing of a run.
var folders = regexp.MustCompile(`(^|[\s"'(=:\[])(?:/[^\s"')\]:,/]+)+/`)

// text is s in one line, not too long, with file names but without their folders.
func text(s string) string {
	s = folders.ReplaceAllString(strings.Join(strings.Fields(s), " "), "$1")
	if len(s) > reasonBytesMax {
		s = strings.ToValidUTF8(s[:reasonBytesMax], "") + "..."
	}
	return s
}

// lastLine is the last line of s that is not empty.
func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
