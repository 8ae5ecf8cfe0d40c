// SPDX-License-Identifier: MIT

package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"srsd/conf"
	"srsd/engine/journal"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// report answers with what it was asked.
type report struct{}

func (report) Serve(w http.ResponseWriter, r *Request) bool {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, r.Method+" "+r.Path+" "+r.Header.Get("X-Folded"))
	return true
}

// serve serves on a port, with bounds of time that a test can wait for.
func serve(t *testing.T, header, body time.Duration) (address string) {
	t.Helper()
	cfg, _, err := conf.LoadEnv(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := New(cfg, true, journal.Discard(), report{})
	if s.http.ReadHeaderTimeout != headerWithin || s.http.ReadTimeout != bodyWithin || s.http.IdleTimeout != idleWithin ||
		s.http.WriteTimeout != answerWithin {
		t.Fatal("a connection has other bounds than the constants")
	}
	s.http.ReadHeaderTimeout, s.http.ReadTimeout, s.http.IdleTimeout, s.http.WriteTimeout = header, body, header, body
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Start(l)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.Close(ctx)
	})
	return l.Addr().String()
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// trickle writes text, then a byte each 10 ms, and returns after how long the server has closed c.
func trickle(t *testing.T, c net.Conn, text, more string) time.Duration {
	t.Helper()
	start, ended := time.Now(), make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, c)
	}()
	_, _ = io.WriteString(c, text)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		select {
		case <-ended:
			tick.Stop()
			return time.Since(start)
		case <-tick.C:
			_, _ = io.WriteString(c, more) // an error: it is closed, and ended says so
			if time.Since(start) > patience {
				t.Fatal("a client that sends little at a time is never closed")
			}
		}
	}
}

// T03: the time for a header and for a body is absolute: a byte now and then buys no more of it.
func TestSlowClients(t *testing.T) {
	const header, body = 300 * time.Millisecond, 900 * time.Millisecond
	address := serve(t, header, body)
	for _, c := range []struct {
		name, text, more string
		after            time.Duration
	}{
		{"header", "GET / HTTP/1.1\r\nHost: h\r\nX: ", "x", header},
		{"request line", "GET /", "x", header},
		{"nothing", "", "", header},
		{"body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n", "x", body},
		{"chunked body", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", body},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// The server's clock began with the connection, a moment before this one.
			if after := trickle(t, dial(t, address), c.text, c.more); after < c.after*9/10 {
				t.Errorf("closed after %v, before its time", after)
			}
		})
	}
}

// Who asks and asks and reads no answer is closed: no handler waits for it for ever, however small
// its answers are.
func TestNobodyReads(t *testing.T) {
	const within = 500 * time.Millisecond
	// With its own receive buffer: one that shrinks below the window it has offered drops the server's
	// acknowledgements as well, and nothing arrives on either side for as long as TCP tries again.
	c := dial(t, serve(t, patience, within))
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	start, requests := time.Now(), []byte(strings.Repeat("GET /x HTTP/1.1\r\nHost: h\r\n\r\n", 1000))
	var err error
	for err == nil {
		_, err = c.Write(requests)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) < within {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
}

// late notes the deadline for writing.
type late struct {
	*httptest.ResponseRecorder
	at time.Time
}

func (l *late) SetWriteDeadline(at time.Time) error {
	l.at = at
	return nil
}

// The deadline of an answer from memory holds when Send returns: the answer's end is perhaps not out.
func TestSendDeadline(t *testing.T) {
	w := &late{ResponseRecorder: httptest.NewRecorder()}
	Send(w, &Request{Request: httptest.NewRequest(http.MethodGet, "/x", nil)}, "text/plain", []byte("x"))
	if left := time.Until(w.at); left <= 0 || left > sendWithin {
		t.Errorf("%v are left", left)
	}
}

// A crowd of them keeps nobody out.
func TestSlowCrowd(t *testing.T) {
	address := serve(t, patience, patience)
	for range 500 {
		_, _ = io.WriteString(dial(t, address), "GET / HTTP/1.1\r\nHost: h\r\nX: ")
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	start := time.Now()
	for range 20 {
		r, err := client.Get("http://" + address + "/x")
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
	}
	t.Logf("20 requests beside 500 slow ones: %v", time.Since(start))
}

// exchange sends text and returns the status lines of all answers, and their text. The server
// has to end the connection, or to answer the requests that there are and wait.
func exchange(t *testing.T, address, text string, answers int) (statuses []int, all string) {
	t.Helper()
	c := dial(t, address)
	go func() { _, _ = io.WriteString(c, text) }() // it may be closed before everything is out
	_ = c.SetReadDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	for range answers {
		w, err := http.ReadResponse(r, nil)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("no answer")
		}
		if err != nil {
			return statuses, all
		}
		b, _ := io.ReadAll(w.Body)
		statuses, all = append(statuses, w.StatusCode), all+string(b)+"\n"
		if w.Close {
			return statuses, all
		}
	}
	return statuses, all
}

// T04: requests that are too large, or no requests.
func TestOddRequests(t *testing.T) {
	address := serve(t, patience, patience)
	const get = "GET / HTTP/1.1\r\nHost: h\r\n"
	for _, c := range []struct {
		name, text string
		want       []int
	}{
		{"81 KB of one header", get + "X: " + strings.Repeat("x", 81<<10) + "\r\n\r\n", []int{431}},
		{"10,000 headers", get + strings.Repeat("X: y\r\n", 10_000) + "\r\n", []int{431}},
		{"a URL of 1 MB", "GET /" + strings.Repeat("x", 1<<20) + " HTTP/1.1\r\nHost: h\r\n\r\n", []int{431, 414}},
		{"HTTP/0.9", "GET /\r\n\r\n", []int{400}},
		{"HTTP/9.9", "GET / HTTP/9.9\r\nHost: h\r\n\r\n", []int{505, 400}},
		{"no Host", "GET / HTTP/1.1\r\n\r\n", []int{400}},
		{"two Hosts", get + "Host: i\r\n\r\n", []int{400}},
		{"a method with a blank", "GE T / HTTP/1.1\r\nHost: h\r\n\r\n", []int{400}},
		{"NUL in a header", get + "X: a\x00b\r\n\r\n", []int{400}},
		{"a header without a colon", get + "X\r\n\r\n", []int{400}},
		{"TLS", "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n", []int{400}},
		{"RTMP", "\x03" + strings.Repeat("\x00", 1536) + "\r\n\r\n", []int{400}},
		// Two lengths of one body: whoever is in front may have believed the other one.
		{"two lengths", get + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", []int{400}},
		{"a negative length", get + "Content-Length: -1\r\n\r\n", []int{400}},
		{"a length with a sign", get + "Content-Length: +1\r\n\r\na", []int{400}},
		{"a list of lengths", get + "Content-Length: 1, 2\r\n\r\nab", []int{400}},
		{"a blank before the colon", get + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", []int{400}},
		{"an unknown coding", get + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", []int{501, 400}},
		{"chunked twice", get + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", []int{501, 400}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, text := exchange(t, address, c.text, 2)
			if len(got) != 1 {
				t.Fatalf("%d answers: %v %s", len(got), got, text)
			}
			if !slices.Contains(c.want, got[0]) {
				t.Errorf("%d, want one of %v: %s", got[0], c.want, text)
			}
		})
	}
}

// Length and chunks at once: the chunks count (RFC 9112 §6.3), and what is behind the last one is
// the next request, for nobody else's eyes.
func TestLengthAndChunks(t *testing.T) {
	address := serve(t, patience, patience)
	got, text := exchange(t, address, "POST /first HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n"+
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /second HTTP/1.1\r\nHost: h\r\n\r\n", 2)
	if len(got) == 0 || got[0] != 400 && (got[0] != 200 || !strings.HasPrefix(text, "POST /first ")) ||
		len(got) == 2 && !strings.Contains(text, "\nGET /second ") {
		t.Errorf("%v %s", got, text)
	}
	// Folded lines are one, with a blank (RFC 9112 §5.2), or refused.
	got, text = exchange(t, address, "GET / HTTP/1.1\r\nHost: h\r\nX-Folded: a\r\n b: c\r\nConnection: close\r\n\r\n", 1)
	if len(got) != 1 || got[0] != 400 && text != "GET / a b: c\n" {
		t.Errorf("folded: %v %q", got, text)
	}
}
