// SPDX-License-Identifier: MIT

package engine

import (
	"os"
	"path/filepath"
	"testing"

	"srsd/proto/flv"
)

// What is published is recorded, and the file has its name when the publisher has gone.
func TestRecording(t *testing.T) {
	dir := t.TempDir()
	s := start(t, "", "dvr { enabled on; dvr_path "+dir+"/[app]/[stream].flv; }")
	c := s.dial().publish("cam")
	c.video(0, []byte{0x12, 'k', 'e', 'y'})
	c.video(40, []byte{0x22, 'i', 'n', 't', 'e', 'r'})
	if err := c.conn.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "live", "cam.flv")
	eventually(t, "the file has its name", func() bool {
		_, err := os.Stat(name)
		return err == nil
	})
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := flv.NewReader(raw)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for tag, err := r.Next(); err == nil; tag, err = r.Next() {
		if tag.Type == flv.TagVideo {
			got = append(got, string(tag.Data[1:]))
		}
	}
	if len(got) != 2 || got[0] != "key" || got[1] != "inter" {
		t.Errorf("recorded %q", got)
	}
}
