// SPDX-License-Identifier: MIT

package web

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// sendWithin is how long an answer from memory may take on its way.
const sendWithin = 2 * time.Minute

// GetOrHead returns whether r is one of these, which is all that what is made of streams
// takes, and from somebody who may have it. Else it has answered.
func GetOrHead(w http.ResponseWriter, r *Request) bool {
	if r.denied != "" {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "403 "+r.denied, http.StatusForbidden)
		return false
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "405 only GET and HEAD", http.StatusMethodNotAllowed)
	return false
}

// Send answers with data, or the range of it that is asked for. kind is its Content-Type. data
// must not change any more.
func Send(w http.ResponseWriter, r *Request, kind string, data []byte) {
	w.Header()["Content-Type"] = []string{kind}
	// A writer without deadlines is a test's. What net/http still holds when this returns has the same time.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendWithin))
	http.ServeContent(w, r.Request, "", time.Time{}, bytes.NewReader(data))
}

// Fit returns data that is to be kept for long, in memory of its size if it had much more.
func Fit(data []byte) []byte {
	const spare = 32 // a part of the size that may be left over
	if cap(data)-len(data) <= len(data)/spare {
		return data
	}
	return append(make([]byte, 0, len(data)), data...)
}

// Cache lets caches keep an answer, in milliseconds; 0 = they have to ask each time.
func Cache(w http.ResponseWriter, forMs int64) {
	value := "no-cache"
	if forMs > 0 {
		value = "public, max-age=" + strconv.FormatInt(max(forMs/1000, 1), 10)
	}
	w.Header()["Cache-Control"] = []string{value}
}
