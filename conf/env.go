// SPDX-License-Identifier: MIT

package conf

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Variables that are no directives.
const (
	envPrefix     = "SRS_"
	envConfigFile = "SRS_CONFIG_FILE"
	envOnly       = "SRS_ENV_ONLY"
)

// FromEnv tells which configuration the environment asks for, as SRS does:
// SRS_CONFIG_FILE is the file, before any command line option ("" = not set);
// SRS_ENV_ONLY=on asks for [LoadEnv]. environ is as [os.Environ] returns it.
func FromEnv(environ []string) (file string, only bool, err error) {
	env := environment(environ)
	switch v := env[envOnly]; v {
	case "on":
		only = true
	case "", "off":
	default:
		return "", false, fmt.Errorf("conf: %s: %s is neither on nor off", envOnly, quote(v))
	}
	return env[envConfigFile], only, nil
}

// environment returns SRS's variables. An empty value is as good as none, which
// is also what SRS makes of it.
func environment(environ []string) map[string]string {
	env := map[string]string{}
	for _, entry := range environ {
		name, v, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) && v != "" {
			env[name] = v
		}
	}
	return env
}

// variable is one way to set a directive by environment.
type variable struct {
	row      *spec
	path     string
	perVhost bool // sets every vhost
}

// variables returns all of them by name: SRS_ and the directive's path in upper
// case with underscores, and the further names that the schema lists.
func variables() map[string]variable {
	byName := map[string]variable{}
	addVariables(byName, schema, "", false)
	return byName
}

func addVariables(byName map[string]variable, rows []spec, path string, perVhost bool) {
	for i := range rows {
		s := &rows[i]
		at := join(path, s.name)
		switch {
		case s.noEnv || s.kind == kindFreeBlock:
		case s.kind == kindBlock:
			addVariables(byName, s.rows, at, perVhost || s == find(schema, vhostSpec.name))
		case s.sameAs != "":
			byName[envName(at)] = variable{row: find(schema, s.sameAs), path: s.sameAs}
		default:
			v := variable{row: s, path: at, perVhost: perVhost}
			byName[envName(at)] = v
			for _, name := range s.env {
				byName[name] = v
			}
		}
	}
}

func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// override is a variable that is set, and understood.
type override struct {
	name string
	v    value
}

func (o override) pos() Pos { return Pos{File: "conf: " + o.name} }

// environ applies the environment to what the file gave.
func (c checker) environ(environ []string) {
	env := environment(environ)
	known := variables()
	set := map[*spec]override{}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if at, ok := known[name]; ok {
			c.override(name, env, at, set)
		} else if name != envConfigFile && name != envOnly {
			c.misspelled(name, known)
		}
	}
	for _, at := range known {
		o, ok := set[at.row]
		if !ok && at.row.envAfter != "" {
			o, ok = set[known[at.row.envAfter].row]
		}
		if ok {
			c.apply(at, o)
		}
	}
}

// override parses one variable. Two names of one directive must agree.
func (c checker) override(name string, env map[string]string, at variable, set map[*spec]override) {
	pos := Pos{File: "conf: " + name}
	if other, ok := set[at.row]; ok && env[other.name] != env[name] {
		c.rep.errorf(pos, "%s is given twice, here and as %s", at.path, other.name)
		return
	}
	v, note, err := at.row.parseVariable(env[name])
	if err != nil {
		c.rep.errorf(pos, "%s: %v", at.path, err)
		c.markGiven(at)
		return
	}
	if note != "" {
		c.rep.warnf(name, pos, "%s: %s", at.path, note)
	}
	if !at.row.done && (at.row.name != "enabled" || v.on) {
		c.notDone(pos, at.path)
	}
	set[at.row] = override{name: name, v: v}
}

// apply stores a value at the root or in every vhost.
func (c checker) apply(at variable, o override) {
	if !at.perVhost {
		at.row.store(c.b, o.v)
		c.markGiven(at)
		c.b.cfg.places[at.path] = o.pos()
		return
	}
	for _, vhost := range c.b.cfg.Vhosts {
		c.b.vhost = vhost
		at.row.store(c.b, o.v)
		c.markGiven(at)
	}
}

func (c checker) markGiven(at variable) {
	if at.row.given != nil {
		*at.row.given(c.b) = true
	}
}

// misspelled warns about a variable that is nearly one of ours. Others are none
// of our business: container platforms set SRS_... variables of their own.
func (c checker) misspelled(name string, known map[string]variable) {
	const lettersPerMistake = 12
	best := nearest(name, slices.Sorted(maps.Keys(known)), len(name)/lettersPerMistake+1)
	if best != "" {
		c.rep.warnf(name, Pos{File: "conf: " + name}, "the variable is not known and has no effect; did you mean %s?", best)
	}
}
