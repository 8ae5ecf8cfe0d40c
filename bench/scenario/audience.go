// SPDX-License-Identifier: MIT

package scenario

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// audience is the players of a scenario with sockets, in a process of their own: both ends of
// 10,000 connections would need more files than most systems let one process open, and their
// CPU time would be mixed up with the server's. The process is this program again; it throws
// away what it gets inside the kernel, and only counts it.
//
// It is asked by lines and answers each by "ok N", or by what went wrong:
//
//	join ADDRESS N   connect N players to the server, and play
//	settle           until nothing has come for a while
//	expect BYTES     until each player has so many bytes more
//	segments         N is how many TCP segments with data all players have got so far
type audience struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// audienceVariable makes Main serve an audience instead of running tests.
const audienceVariable = "SRSD_SCENARIO_AUDIENCE"

const (
	askJoin     = "join %s %d\n"
	askSettle   = "settle\n"
	askExpect   = "expect %d\n"
	askSegments = "segments\n"
	answerOK    = "ok %d\n"
)

var errAudience = errors.New("scenario: players")

// newAudience starts the process. It ends with tb.
func newAudience(tb testing.TB) *audience {
	tb.Helper()
	program, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), audienceVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close() // it ends
		_ = cmd.Wait()
	})
	return &audience{in: in, out: bufio.NewReader(out)}
}

// ask sends a line without waiting for the answer.
func (a *audience) ask(format string, args ...any) error {
	_, err := fmt.Fprintf(a.in, format, args...)
	return err
}

// answer waits for that of what was asked.
func (a *audience) answer() (n int, err error) {
	line, err := a.out.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("%w: the process has ended: %w", errAudience, err)
	}
	if _, err := fmt.Sscanf(line, answerOK, &n); err != nil {
		return 0, fmt.Errorf("%w: %s", errAudience, strings.TrimSpace(line))
	}
	return n, nil
}

// serveAudience is the process: it obeys the lines of in until their end, and returns an exit
// code.
func serveAudience(in io.Reader, out io.Writer) int {
	seats, err := newSeats()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		n, err := obey(seats, lines.Text()+"\n")
		answer := fmt.Sprintf(answerOK, n)
		if err != nil {
			answer = err.Error() + "\n"
		}
		if _, err := io.WriteString(out, answer); err != nil {
			return 1
		}
	}
	return 0
}

func obey(s *seats, line string) (answer int, err error) {
	var address string
	var n int
	if _, err := fmt.Sscanf(line, askJoin, &address, &n); err == nil {
		return 0, s.join(address, n)
	}
	if _, err := fmt.Sscanf(line, askExpect, &n); err == nil {
		return 0, s.expect(n)
	}
	switch line {
	case askSettle:
		return 0, s.settle()
	case askSegments:
		return s.segments()
	}
	return 0, fmt.Errorf("%w: unknown request %q", errAudience, line)
}
