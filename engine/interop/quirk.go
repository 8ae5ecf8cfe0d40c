// SPDX-License-Identifier: MIT

package interop

import (
	"slices"
	"strings"
	"testing"
)

// excerptMs is how much of a fixture the tests of quirks send: two groups of pictures.
const excerptMs = 1200

// excerpt is the beginning of a fixture.
func excerpt(t *testing.T, f fixture) source {
	t.Helper()
	src := generate(t, f)
	return newSource(f.name+" excerpt", src.file,
		slices.DeleteFunc(slices.Clone(src.tags), func(tag flvTag) bool { return tag.tsMs > excerptMs }))
}

// messagesOf is the tags as an encoder sends them.
func messagesOf(tags []flvTag) []message {
	messages := make([]message, len(tags))
	for i, tag := range tags {
		messages[i] = tagMessage(tag)
	}
	return messages
}

// streamName makes a stream name of a test's name.
func streamName(t *testing.T) string {
	t.Helper()
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name()[strings.LastIndexByte(t.Name(), '/')+1:])
}

// values sends a command made of just these values: any transaction id, or none.
func (c *client) values(t *testing.T, msid uint32, values ...any) {
	t.Helper()
	body, err := appendAMF(nil, values...)
	if err != nil {
		t.Fatal(err)
	}
	c.mustSend(t, message{csid: csidCommand, typ: typeCommand, msid: msid, body: body})
}

// awaitStatus waits for an onStatus with this code, at any place of the connection.
func (c *client) awaitStatus(t *testing.T, code string) {
	t.Helper()
	c.waitFor(t, 0, code, replyWithin, isStatus(code))
}

// sendAll sends messages as fast as they go.
func (c *client) sendAll(t *testing.T, messages []message) {
	t.Helper()
	for _, m := range messages {
		c.mustSend(t, m)
	}
}

// awaitWhole waits until the player has as many frames as the source, and ends it.
func (p *rawPlayer) awaitWhole(t *testing.T, src source) recording {
	t.Helper()
	for _, tr := range bothTracks {
		p.waitMedia(t, p.from, tr, len(src.rec.media(tr)))
	}
	return p.stop(t)
}

// checkArrives fails the test unless the player gets the source, whole and from zero.
func checkArrives(t *testing.T, src source, p *rawPlayer) {
	t.Helper()
	got := p.awaitWhole(t, src)
	checkRelay(t, src.rec, got, whole)
	checkStartsAtZero(t, got)
}
