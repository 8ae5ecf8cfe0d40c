// SPDX-License-Identifier: MIT

package hds

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"strconv"
)

const (
	timeScale = 1000 // of all times: ms
	live      = 0x20 // profile 0 (named access), live, no update
	// jump marks timestamps that do not follow on those before (F4V 2.11.2.2).
	jump = 2
)

// box appends a box whose content fill appends.
func box(dst []byte, kind string, fill func(b []byte) []byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = fill(append(dst, kind...))
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at))
	return dst
}

// bootstrap returns the abst box that lists fragments, at least one (F4V 2.11.2).
func bootstrap(version uint32, list []fragment) []byte {
	u32, u64 := binary.BigEndian.AppendUint32, binary.BigEndian.AppendUint64
	last := list[len(list)-1]
	return box(nil, "abst", func(b []byte) []byte {
		b = u32(b, 0) // version and flags
		b = u32(b, version)
		b = append(b, live)
		b = u32(b, timeScale)
		b = u64(b, uint64(last.startMs)+uint64(last.lengthMs)) // of what can be asked for
		b = u64(b, 0)                                          // SMPTE offset
		b = append(b, 0, 0, 0, 0, 0)                           // no identifier, servers, qualities, DRM, metadata
		b = append(b, 1)
		b = box(b, "asrt", func(b []byte) []byte {
			b = u32(b, 0)
			b = append(b, 0)           // no qualities
			b = u32(b, 1)              // one entry:
			b = u32(b, 1)              // from segment 1
			return u32(b, last.number) // fragments in it
		})
		b = append(b, 1)
		return box(b, "afrt", func(b []byte) []byte { return fragmentRuns(b, list) })
	})
}

// fragmentRuns appends what is in an afrt box (F4V 2.11.2.2).
func fragmentRuns(b []byte, list []fragment) []byte {
	u32, u64 := binary.BigEndian.AppendUint32, binary.BigEndian.AppendUint64
	b = u32(b, 0)
	b = u32(b, timeScale)
	b = append(b, 0) // no qualities
	at := len(b)
	b = u32(b, 0)
	entries := uint32(0)
	entry := func(f *fragment, length uint32) {
		b = u32(b, f.number)
		b = u64(b, uint64(f.startMs))
		b = u32(b, length)
		entries++
	}
	next := list[0].startMs
	for i := range list {
		f := &list[i]
		if f.startMs != next {
			entry(f, 0)
			b = append(b, jump)
		}
		entry(f, f.lengthMs)
		next = f.startMs + f.lengthMs
	}
	binary.BigEndian.PutUint32(b[at:], entries)
	return b
}

// manifest returns the f4m of a stream: its name, kbit/s, and its onMetaData or nil.
func manifest(stream string, kbps int, metadata []byte) []byte {
	var name bytes.Buffer
	_ = xml.EscapeText(&name, []byte(stream)) // a Buffer takes everything
	var b bytes.Buffer
	line := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteByte('\n')
	}
	n := name.String()
	line(`<?xml version="1.0" encoding="UTF-8"?>`)
	line(`<manifest xmlns="http://ns.adobe.com/f4m/1.0">`)
	line(`  <id>`, n, `</id>`)
	line(`  <streamType>live</streamType>`)
	line(`  <deliveryType>streaming</deliveryType>`)
	line(`  <bootstrapInfo profile="named" url="`, n, `.abst" id="bootstrap"/>`)
	line(`  <media bitrate="`, strconv.Itoa(kbps), `" url="`, n, `/" bootstrapInfoId="bootstrap">`)
	if metadata != nil {
		line(`    <metadata>`, base64.StdEncoding.EncodeToString(metadata), `</metadata>`)
	}
	line(`  </media>`)
	line(`</manifest>`)
	return b.Bytes()
}
