// SPDX-License-Identifier: MIT

package conf

// Load reads a configuration file with its includes and applies the environment
// to it, which wins over the file. environ is as [os.Environ] returns it.
//
// The error is an [*LoadError] that lists what is wrong, up to 20 problems at once;
// the Config is nil then. Warnings are returned in either case, in the order
// found. Load reads files and changes nothing; it neither keeps nor changes its
// arguments.
func Load(file string, environ []string) (*Config, []Warning, error) {
	rep := newReport()
	r := newReader(rep)
	root := r.file(file)
	return load(file, root, r.broken, environ, rep)
}

// LoadEnv builds a configuration from defaults and environment alone, as SRS does
// with -e: one vhost, [DefaultVhost], log to the console, port 1935. Errors and
// warnings are as with [Load].
func LoadEnv(environ []string) (*Config, []Warning, error) {
	rep := newReport()
	b := newBuild("")
	b.addVhost(DefaultVhost)
	checker{rep: rep, b: b}.environ(environ)
	b.listenGiven = true
	return finish(b, rep)
}

// load checks a tree. One that is broken is not judged: what is missing in it may
// stand behind the error.
func load(file string, root []*directive, broken bool, environ []string, rep *report) (*Config, []Warning, error) {
	if broken {
		return nil, rep.warnings, rep.err()
	}
	if len(root) == 0 {
		rep.errorf(Pos{File: file}, "conf is empty")
		return nil, rep.warnings, rep.err()
	}
	b := newBuild(file)
	c := checker{rep: rep, b: b}
	c.block(modernize(root, rep), schema, "", true)
	c.environ(environ)
	return finish(b, rep)
}

// finish settles what depends on more than one directive.
func finish(b *build, rep *report) (*Config, []Warning, error) {
	cfg, file := b.cfg, Pos{File: b.cfg.File}
	if !b.listenGiven {
		rep.errorf(file, `no listen directive, as in "listen 1935;"`)
	}
	b.finishAPI(rep)
	b.finishListeners(rep)
	if len(cfg.Vhosts) == 0 {
		rep.warnf("vhost", file, `no vhost, so every client is refused; add "vhost %s { }"`, DefaultVhost)
	}
	b.finishProxy(rep)
	for _, v := range cfg.Vhosts {
		b.finishAccess(v, rep)
		b.finishRemux(v, rep)
	}
	if err := rep.err(); err != nil {
		return nil, rep.warnings, err
	}
	cfg.Log.Level = b.level
	if b.levelV2Given {
		cfg.Log.Level = b.levelV2
	}
	for _, v := range cfg.Vhosts {
		if v.ChunkSize == 0 {
			v.ChunkSize = cfg.ChunkSize
		}
		if v.MinLatency {
			v.Publish.MR = false
			if !v.Play.MwMsgsSet {
				v.Play.MwMsgs = 0
			}
		}
	}
	return cfg, rep.warnings, nil
}
