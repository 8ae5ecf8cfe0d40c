// SPDX-License-Identifier: MIT

package conf

// Ranges of HDS's values.
const (
	hdsSecondsMin = 0.2
	hdsSecondsMax = 600
	hdsWindowMax  = 24 * 3600
)

var hdsSpec = spec{
	name: "hds", kind: kindBlock, done: true, help: "Adobe HDS",
	rows: []spec{
		{
			name: "enabled", kind: kindBool, def: "off", done: true,
			help:  "on offers every stream of the vhost as HDS",
			field: func(b *build) any { return &b.vhost.HDS.Enabled },
		},
		{
			name: "hds_fragment", kind: kindSeconds, def: "10", min: hdsSecondsMin, max: hdsSecondsMax, done: true,
			help:  "seconds of a fragment",
			field: func(b *build) any { return &b.vhost.HDS.FragmentMs },
		},
		{
			name: "hds_window", kind: kindSeconds, def: "60", min: hdsSecondsMin, max: hdsWindowMax, done: true,
			help:  "seconds that the bootstrap box lists",
			field: func(b *build) any { return &b.vhost.HDS.WindowMs },
		},
		spec{
			name: "hds_path", kind: kindText, def: "./objs/nginx/html",
			field: func(b *build) any { return &b.vhost.HDS.Unused.Path },
		}.idle(fromMemory),
	},
}
