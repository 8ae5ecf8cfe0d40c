// SPDX-License-Identifier: MIT

package attack

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// wallClock sets the clock that one process reads, and no other's. Go programs read it with a
// function of the vDSO (vdso(7)), which is mapped into each process; there its own is replaced.
type wallClock struct {
	memory *os.File
	offset uint64 // address of the seconds that are added
}

// clockSymbol is the only function that Go's runtime asks for the time.
const clockSymbol = "__vdso_clock_gettime"

// clockCode asks the kernel in the vDSO's place, which knows all clocks, and adds the 8 bytes behind it
// to the seconds (struct timespec's first 8 bytes) of CLOCK_REALTIME and of CLOCK_REALTIME_COARSE.
// int clock_gettime(clockid_t edi, struct timespec *rsi) of the System V ABI may change rax, rcx, rdx, r11.
var clockCode = []byte{
	0xb8, 228, 0, 0, 0, // mov eax, SYS_clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi
	0x74, 0x05, // jz add
	0x83, 0xff, 0x05, // cmp edi, CLOCK_REALTIME_COARSE
	0x75, 0x0a, // jne done
	0x48, 0x8b, 0x15, 0x09, 0, 0, 0, // add: mov rdx, [rip+9]
	0x48, 0x01, 0x16, // add [rsi], rdx
	0xc3,          // done: ret
	0, 0, 0, 0, 0, // the offset is aligned, so that it changes in one go
}

// clockBytes is what all of it takes.
const clockBytes = 40

// wallClock takes the server's clock over, which goes right until it is set.
func (s *server) wallClock(t *testing.T) *wallClock {
	t.Helper()
	memory := s.memory(t)
	low, high := s.vdso(t)
	image := at(t, memory, low, int(high-low))
	entry, used, err := clockEntry(image)
	if err != nil {
		t.Fatalf("the vDSO: %v", err)
	}
	room := (len(image) - clockBytes) &^ 15
	if used > uint64(room) || len(bytes.Trim(image[room:], "\x00")) > 0 {
		t.Fatalf("the vDSO has no room of %d bytes at its end: %d of %d are used", clockBytes, used, len(image))
	}
	s.inject(t, memory, low, high, low+uint64(room), image[room:room+clockBytes], append(clockCode, make([]byte, 8)...))
	jump := binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(room-int(entry)-5)) // jmp room
	s.inject(t, memory, low, high, low+entry, image[entry:entry+5], jump)
	return &wallClock{memory: memory, offset: low + uint64(room+len(clockCode))}
}

// set has the clock go wrong by d, in whole seconds.
func (c *wallClock) set(t *testing.T, d time.Duration) {
	t.Helper()
	seconds := binary.LittleEndian.AppendUint64(nil, uint64(int64(d/time.Second)))
	if _, err := c.memory.WriteAt(seconds, int64(c.offset)); err != nil {
		t.Fatal(err)
	}
}

// vdso is where the server has the vDSO mapped (proc_pid_maps(5)).
func (s *server) vdso(t *testing.T) (low, high uint64) {
	t.Helper()
	b, err := os.ReadFile(s.proc("maps"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasSuffix(line, "[vdso]\n") {
			if _, err := fmt.Sscanf(line, "%x-%x ", &low, &high); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			return low, high
		}
	}
	t.Fatal("the server has no vDSO mapped")
	return 0, 0
}

// clockEntry finds the function that tells the time in a vDSO's image, and where its file ends: what
// is behind that is of no use to anybody.
func clockEntry(image []byte) (entry, used uint64, err error) {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, 0, err
	}
	var header elf.Header64
	if err := binary.Read(bytes.NewReader(image), f.ByteOrder, &header); err != nil {
		return 0, 0, err
	}
	used = header.Shoff + uint64(header.Shnum)*uint64(header.Shentsize)
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && (p.Off != 0 || p.Vaddr != 0) {
			return 0, 0, fmt.Errorf("offset %#x is loaded at %#x, not 0 at 0", p.Off, p.Vaddr)
		}
		used = max(used, p.Off+p.Memsz)
	}
	for _, s := range f.Sections {
		used = max(used, s.Offset+s.FileSize)
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return 0, 0, err
	}
	for _, s := range symbols {
		if s.Name == clockSymbol && s.Section != elf.SHN_UNDEF {
			return s.Value, used, nil
		}
	}
	return 0, 0, fmt.Errorf("no %s", clockSymbol)
}
