// SPDX-License-Identifier: MIT

package dvr

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"srsd/engine/sink"
)

const (
	// nameBytesMax is the longest name below the root, elementBytesMax what stands between two
	// slashes of it, with room for ".tmp" and a number.
	nameBytesMax    = 1024
	elementBytesMax = 240
	// numbersMax is how many files of one name there may be.
	numbersMax = 999

	tmp = ".tmp"
)

var (
	errName  = errors.New("dvr: the stream's name makes no file name")
	errTaken = errors.New("dvr: too many files of this name")
)

// file is a recording on its way: bytes are appended to it, whole pieces only. *off-loop*.
type file struct {
	root string // directory that no name leads out of
	name string // below root, in the end
	mp4  bool
	f    *os.File
	size int64
}

// create opens the file of a pattern, under a name that no other has. Directories are made.
func create(pattern string, id sink.ID, now time.Time) (*file, error) {
	root, name, err := place(pattern, id, now)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("dvr: %w", err)
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("dvr: %w", err)
	}
	defer func() { _ = dir.Close() }()
	if err := dir.MkdirAll(path.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("dvr: %w", err)
	}
	ext := path.Ext(name)
	base := strings.TrimSuffix(name, ext)
	for i := range numbersMax + 1 {
		if i > 0 {
			name = base + "-" + strconv.Itoa(i) + ext
		}
		if _, err := dir.Lstat(name); err == nil {
			continue
		}
		f, err := dir.OpenFile(name+tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("dvr: %w", err)
		}
		_ = lock(f) // without it nobody else recovers it either
		return &file{root: root, name: name, mp4: ext == ".mp4", f: f}, nil
	}
	return nil, fmt.Errorf("%w: %s", errTaken, name)
}

// place fills in the variables of a pattern: the directory before the first element that has
// one, or that is the file itself, and a name below it with no way out.
func place(pattern string, id sink.ID, now time.Time) (root, name string, err error) {
	if ext := path.Ext(pattern); ext != ".flv" && ext != ".mp4" {
		pattern = strings.TrimSuffix(pattern, "/") + "/[stream].[timestamp].flv"
	}
	fixed := pattern
	if i := strings.IndexByte(pattern, '['); i >= 0 {
		fixed = pattern[:i]
	}
	cut := strings.LastIndexByte(fixed, '/') + 1
	if root = pattern[:cut]; root == "" {
		root = "."
	}
	name = strings.NewReplacer(append(id.Variables(now),
		"[timestamp]", strconv.FormatInt(now.UnixMilli(), 10))...).Replace(pattern[cut:])
	if len(name) > nameBytesMax {
		return "", "", fmt.Errorf("%w: %d bytes, limit %d", errName, len(name), nameBytesMax)
	}
	for element := range strings.SplitSeq(name, "/") {
		if element == "" || element == "." || element == ".." || len(element) > elementBytesMax ||
			strings.ContainsFunc(element, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
			return "", "", fmt.Errorf("%w: %q", errName, name)
		}
	}
	return root, name, nil
}

func (f *file) path() string { return path.Join(f.root, f.name) }

// append writes b at the end, all of it or nothing.
func (f *file) append(b []byte) error {
	if _, err := f.f.WriteAt(b, f.size); err != nil {
		// Some of it may be there, even where WriteAt says that nothing is.
		return fmt.Errorf("dvr: %w", errors.Join(err, f.f.Truncate(f.size)))
	}
	f.size += int64(len(b))
	return nil
}

// patch writes over what is there.
func (f *file) patch(b []byte, at int64) error {
	if _, err := f.f.WriteAt(b, at); err != nil {
		return fmt.Errorf("dvr: %w", err)
	}
	return nil
}

// publish closes the file and gives it its name.
func (f *file) publish() error {
	if err := f.f.Close(); err != nil {
		return fmt.Errorf("dvr: %w", err)
	}
	dir, err := os.OpenRoot(f.root)
	if err != nil {
		return fmt.Errorf("dvr: %w", err)
	}
	defer func() { _ = dir.Close() }()
	if _, err := dir.Lstat(f.name); err == nil {
		return fmt.Errorf("%w: %s is there now, and stays; the recording is %s", errTaken, f.name, f.name+tmp)
	}
	if err := dir.Rename(f.name+tmp, f.name); err != nil {
		return fmt.Errorf("dvr: %w", err)
	}
	return nil
}

// discard closes the file and removes it.
func (f *file) discard() error {
	_ = f.f.Close()
	dir, err := os.OpenRoot(f.root)
	if err != nil {
		return fmt.Errorf("dvr: %w", err)
	}
	defer func() { _ = dir.Close() }()
	if err := dir.Remove(f.name + tmp); err != nil {
		return fmt.Errorf("dvr: %w", err)
	}
	return nil
}
