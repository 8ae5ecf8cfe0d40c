// SPDX-License-Identifier: MIT

package conf

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// vhostNameBytesMax is the longest host name of DNS, with its dots.
const vhostNameBytesMax = 255

// build is a configuration in the making: where the schema's fields point.
type build struct {
	cfg   *Config
	vhost *Vhost // the one being filled
	blank Vhost  // defaults

	// What is not final before everything is read.
	daemon       bool
	level        LogLevel
	levelV2      LogLevel
	levelV2Given bool
	listenGiven  bool
	trustedGiven bool

	blocks map[block]Pos // where they stand
}

// block names one block of the file: its path, and the vhost that it is in, if any.
type block struct {
	vhost *Vhost
	path  string
}

// blockAt returns where a block stands. One that does not was switched on by environment.
func (b *build) blockAt(v *Vhost, path string) Pos {
	if pos, ok := b.blocks[block{v, path}]; ok {
		return pos
	}
	return Pos{File: "conf: " + envName(path+".enabled")}
}

func newBuild(file string) *build {
	b := &build{
		cfg:    &Config{File: file, byName: map[string]*Vhost{}, places: map[string]Pos{}},
		blocks: map[block]Pos{},
	}
	b.setDefaults(schema)
	b.vhost = &b.blank
	b.setDefaults(vhostSpec.rows)
	return b
}

// setDefaults stores the default of every done scalar in rows and in the blocks
// that stand once. The schema's defaults are valid, which a test checks.
func (b *build) setDefaults(rows []spec) {
	for i := range rows {
		s := &rows[i]
		if s.isBlock() && s.repeat == repeatNo {
			b.setDefaults(s.rows)
		}
		if s.field == nil || s.inherits {
			continue
		}
		if v, _, err := s.parse(s.defaults()); err == nil {
			s.store(b, v)
		}
	}
}

// addVhost appends a vhost with its defaults and makes it the current one.
func (b *build) addVhost(name string) {
	v := b.blank
	v.Name = name
	b.vhost = &v
	b.cfg.Vhosts = append(b.cfg.Vhosts, b.vhost)
	b.cfg.byName[name] = b.vhost
}

// checker judges a tree by the schema and stores what is right.
type checker struct {
	rep *report
	b   *build
}

// block checks the directives of one block. warn is off inside a block that was
// warned about as a whole.
func (c checker) block(dirs []*directive, rows []spec, path string, warn bool) {
	first := map[string]*directive{}
	for _, d := range dirs {
		s := find(rows, d.name)
		if s == nil {
			c.unknown(d, rows, path)
			continue
		}
		at := join(path, d.name)
		if key, once := s.key(d); once {
			if other := first[key]; other != nil {
				c.rep.errorf(d.pos, "%s is given twice, here and at %s%s", described(s, at, d), other.pos, s.listHint())
				continue
			}
			first[key] = d
		}
		if s.isBlock() {
			c.section(d, s, at, warn)
		} else {
			c.scalar(d, s, at, warn)
		}
	}
}

// key tells apart the directives of one name in one block; once is false if any
// number of them may stand there.
func (s *spec) key(d *directive) (key string, once bool) {
	switch s.repeat {
	case repeatNo:
		return s.name, true
	case repeatByArg:
		return s.name + " " + strings.Join(d.args, " "), true
	case repeatYes:
	}
	return "", false
}

func (s *spec) listHint() string {
	if s.isList() {
		return "; write all values into one directive"
	}
	return ""
}

func described(s *spec, path string, d *directive) string {
	if s.repeat == repeatByArg && len(d.args) > 0 {
		return path + " " + quote(d.args[0])
	}
	return path
}

// scalar checks "name arg...;".
func (c checker) scalar(d *directive, s *spec, path string, warn bool) {
	if s.given != nil && (len(d.args) > 0 || s.def != "" || s.isList()) {
		*s.given(c.b) = true // also when it is wrong: a wrong listen is not a missing one
	}
	if d.hasBlock {
		c.rep.errorf(d.pos, "%s: takes a value, not a block", path)
		return
	}
	v, note, err := s.parse(d.args)
	if err != nil {
		c.rep.errorf(d.pos, "%s: %v", path, err)
		return
	}
	if note != "" {
		c.rep.warnf(path, d.pos, "%s: %s", path, note)
	}
	if !s.done && warn {
		c.notDone(d.pos, path)
	}
	s.store(c.b, v)
	c.b.cfg.places[path] = d.pos
}

func (c checker) notDone(pos Pos, path string) {
	c.rep.warnf("later "+path, pos, "%s: accepted, but srsd does not implement it yet", path)
}

// section checks "name [label] { ... }".
func (c checker) section(d *directive, s *spec, path string, warn bool) {
	if !d.hasBlock {
		c.rep.errorf(d.pos, "%s: takes a block { ... }", path)
		return
	}
	if err := s.checkLabel(d.args); err != nil {
		c.rep.errorf(d.pos, "%s: %v", path, err)
		return
	}
	if !s.done && warn && s.on(d) {
		c.notDone(d.pos, path)
	}
	if s.kind == kindFreeBlock {
		return
	}
	at := block{path: path}
	if s.name == vhostSpec.name {
		c.b.addVhost(d.args[0])
	} else if strings.HasPrefix(path, vhostSpec.name+".") {
		at.vhost = c.b.vhost
	}
	c.b.blocks[at] = d.pos
	c.block(d.block, s.rows, path, warn && s.done)
}

func (s *spec) checkLabel(args []string) error {
	switch {
	case s.label == labelNone && len(args) > 0:
		return fmt.Errorf("takes no name, but %s stands before the block", quote(args[0]))
	case len(args) > 1:
		return fmt.Errorf("takes one name, not %d: %s", len(args), quote(strings.Join(args, " ")))
	case s.label == labelRequired && len(args) == 0:
		return fmt.Errorf("a name is missing, as in %s %s { }", s.name, DefaultVhost)
	case s.label != labelRequired:
		return nil
	case len(args[0]) > vhostNameBytesMax:
		return fmt.Errorf("%s is longer than %d bytes", quote(args[0]), vhostNameBytesMax)
	case strings.ContainsFunc(args[0], notInHost):
		return fmt.Errorf("%s: no host name has a blank or a slash in it", quote(args[0]))
	}
	return nil
}

// notInHost is true for what never arrives in a client's vhost.
func notInHost(r rune) bool { return r == '/' || unicode.IsSpace(r) || unicode.IsControl(r) }

// unknown reports a name that is not in rows: a typing error, or a directive
// that belongs elsewhere.
func (c checker) unknown(d *directive, rows []spec, path string) {
	if c.rep.full() { // a hint takes time, and a wrong file has many names
		c.rep.errorf(d.pos, "unknown directive")
		return
	}
	where := ""
	if path != "" {
		where = " in " + path
	}
	c.rep.errorf(d.pos, "unknown directive %s%s%s", quote(d.name), where, hint(d.name, rows))
}

func hint(name string, rows []spec) string {
	if at := elsewhere(name); at != "" {
		return "; it belongs " + at
	}
	names := make([]string, len(rows))
	for i := range rows {
		names[i] = rows[i].name
	}
	return didYouMean(name, names)
}

// elsewhere says which block knows name, if it is exactly one: "in vhost.play".
func elsewhere(name string) string {
	var blocks []string
	walk(schema, "", func(s *spec, path string) {
		if s.name != name || s.sameAs != "" {
			return
		}
		block := strings.TrimSuffix(strings.TrimSuffix(path, name), ".")
		if block == "" {
			block = "at the root of the file"
		} else {
			block = "in " + block
		}
		if !slices.Contains(blocks, block) {
			blocks = append(blocks, block)
		}
	})
	if len(blocks) != 1 {
		return ""
	}
	return blocks[0]
}
