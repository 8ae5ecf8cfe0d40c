// SPDX-License-Identifier: MIT

package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strconv"

	"srsd/bench/load"
)

// looks writes what the server holds, a line each time it is looked at, so that a test of
// hours can be followed.
type looks struct {
	out  *csv.Writer // nil: nobody wants it
	file *os.File    // nil for the standard output
	err  error       // the first
}

// newLooks creates the file, or takes the standard output for toStdout.
func newLooks(name string, stdout io.Writer) (*looks, error) {
	l := &looks{}
	switch name {
	case "":
		return l, nil
	case toStdout:
		l.out = csv.NewWriter(stdout)
	default:
		f, err := os.Create(name)
		if err != nil {
			return nil, err
		}
		l.file, l.out = f, csv.NewWriter(f)
	}
	l.write("at_s", "stage", "rss_mb", "files", "threads", "players", "publishers")
	return l, l.err
}

// add writes a line.
func (l *looks) add(seen load.Look) {
	if l.out == nil {
		return
	}
	l.write(fmt.Sprintf("%.1f", seen.At.Seconds()), seen.Stage, fmt.Sprintf("%.2f", seen.RSSMB),
		strconv.Itoa(seen.Files), strconv.Itoa(seen.Threads),
		strconv.FormatInt(seen.Players, 10), strconv.FormatInt(seen.Publishers, 10))
}

func (l *looks) write(cells ...string) {
	err := l.out.Write(cells)
	l.out.Flush()
	if err == nil {
		err = l.out.Error()
	}
	if l.err == nil {
		l.err = err
	}
}

// close tells about a file that is not complete.
func (l *looks) close(stderr io.Writer) {
	if l.file != nil {
		if err := l.file.Close(); l.err == nil {
			l.err = err
		}
	}
	if l.err != nil {
		say(stderr, "srsbench: --looks: %v\n", l.err)
	}
}
