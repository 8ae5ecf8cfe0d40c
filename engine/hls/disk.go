// SPDX-License-Identifier: MIT

package hls

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

const (
	dirMode  = 0o755
	fileMode = 0o644
	keyMode  = 0o600
)

// disk writes files below a directory, and nowhere else: os.Root follows no link that leads out
// of it. One goroutine at a time. The zero value writes nothing.
type disk struct {
	dir  string // "": nothing is written
	real string // where dir was when it was opened first: a link that is put there later is not followed
	root *os.Root

	// generation counts how often dir was opened: what was written into another one is not there.
	generation int
}

// has says whether a file that was written in a generation is there.
func (d *disk) has(generation int) bool { return generation > 0 && generation == d.generation }

// write puts a file into place at once: readers see the old one or the new one. suffix is that of
// the file which it is until then.
func (d *disk) write(name, suffix string, data []byte, mode fs.FileMode) error {
	if d.dir == "" {
		return nil
	}
	if err := d.open(); err != nil {
		return err
	}
	err := d.replace(name, suffix, data, mode)
	if errors.Is(err, fs.ErrNotExist) { // the directory was removed: another one, next time
		d.close()
	}
	return err
}

func (d *disk) replace(name, suffix string, data []byte, mode fs.FileMode) error {
	if dir := path.Dir(name); dir != "." {
		if err := d.root.MkdirAll(dir, dirMode); err != nil {
			return err
		}
	}
	f, err := d.root.OpenFile(name+suffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.root.Rename(name+suffix, name)
	}
	if err != nil { // room for what comes next
		return errors.Join(err, d.root.Remove(name+suffix))
	}
	return nil
}

// remove removes a file, if it is there.
func (d *disk) remove(name string) error {
	if d.dir == "" || name == "" || d.root == nil {
		return nil
	}
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d *disk) open() error {
	if d.root != nil {
		return nil
	}
	if err := os.MkdirAll(d.dir, dirMode); err != nil {
		return err
	}
	now, err := filepath.EvalSymlinks(d.dir)
	if err != nil {
		return err
	}
	if d.real == "" {
		d.real = now
	}
	if now != d.real {
		return fmt.Errorf("hls: %s led to %s, and leads to %s now: not followed", d.dir, d.real, now)
	}
	if d.root, err = os.OpenRoot(d.real); err == nil {
		d.generation++
	}
	return err
}

func (d *disk) close() {
	if d.root != nil {
		_ = d.root.Close()
		d.root = nil
	}
}
