// SPDX-License-Identifier: MIT

package main

// Help implements kong.HelpProvider.
func (*playCmd) Help() string {
	return `The streams must be there; what srsbench publishes carries its send time, so that players, also of
another srsbench, find out the latency.

Examples:
  srsbench play rtmp://127.0.0.1/live/livestream -n 500
  srsbench play rtmp://edge1/live/s rtmp://edge2/live/s -s 10 -n 4000 --rate 800     # s0 to s9 of two edges
  srsbench play http://127.0.0.1:8080/live/livestream.flv -n 2000 --pid $(pidof srsd)
  srsbench play rtmp://127.0.0.1/live/cam%03d -s 20 -n 1000 --threads 2 --json out.json`
}

// Help implements kong.HelpProvider.
func (*hlsCmd) Help() string {
	return `Players do what hls.js does, but for showing it: they load the playlist once per target duration, or where
the server offers it by blocking reload, and each segment or part once, over one connection that is kept. One
begins three target durations (PART-HOLD-BACK with parts) before the end. It stands still, and "stalls" counts it,
when what it has loaded is shown before the next segment or part has come.

Examples:
  srsbench hls http://127.0.0.1:8080/live/livestream.m3u8 -n 2000 --pid $(pidof srsd)
  srsbench hls http://127.0.0.1:8080/live/s.m3u8 -s 10 -n 500 -d 1m                  # s0.m3u8 to s9.m3u8`
}

// Help implements kong.HelpProvider.
func (*publishCmd) Help() string {
	return `Without -f a valid H.264 and AAC stream is generated: any player shows it.

Examples:
  srsbench publish rtmp://127.0.0.1/live/livestream -d 1h
  srsbench publish rtmp://127.0.0.1/live/s -n 800 --pid $(pidof srsd)                # s0 to s799
  srsbench publish rtmp://127.0.0.1/live/s -n 3000 --batch 250ms                     # 4 writes per second
  srsbench publish rtmp://127.0.0.1/live/hd --size 1920x1080 --fps 50 --gop 100 --kbps 6000
  srsbench publish rtmp://127.0.0.1/live/livestream -f movie.flv`
}

// Help implements kong.HelpProvider.
func (*mixedCmd) Help() string {
	return `Examples:
  srsbench mixed rtmp://127.0.0.1/live/s -n 4000 --rate 800 --pid $(pidof srsd)      # one stream, 4,000 players
  srsbench mixed rtmp://127.0.0.1/live/s -p 200 -n 2000                              # 200 streams, 10 players each
  srsbench mixed http://127.0.0.1:8080/live/s.flv --publish-url rtmp://127.0.0.1/live/s -n 2000
  ulimit -n 20000; taskset -c 1 srsbench mixed rtmp://127.0.0.1/live/s -n 19500 --kbps 600 --rate 1000`
}

// Help implements kong.HelpProvider.
func (*churnCmd) Help() string {
	return `-n players join; then, for the duration, --churn of them leave and as many join, each second. The figure to
look at is "first picture": that of the players that joined meanwhile. A player leaves only once it has had its
picture, so a slow server cannot hide behind players that gave up.

Examples:
  srsbench churn rtmp://127.0.0.1/live/s -n 1000 --churn 100 -d 30s
  srsbench churn rtmp://127.0.0.1/live/livestream -p 0 -n 500 --churn 20             # of a stream that is there`
}

// Help implements kong.HelpProvider.
func (*soakCmd) Help() string {
	return `As churn, and publishers come and go too, all but the first; some players take less than they are sent, and
some clients leave without a word: nobody reads their socket for --vanish-for, then it is reset. Meanwhile, every
--look-every, memory, open files and threads of the server are looked at. The figures to look at are "held": does
memory go on growing, is all given back when everybody has left? The streams without players are those beyond -s:
their publishers vanish, too.

Examples:
  srsbench soak rtmp://127.0.0.1/live/s -n 1000 -p 40 -s 20 --kbps 300 -d 30m --pid $(pidof srsd) --looks soak.csv
  srsbench soak rtmp://127.0.0.1/live/s -p 10 -d 1m --vanish-for 5s --look-every 1s --pid $(pidof srsd)`
}

// Help implements kong.HelpProvider.
func (*stormCmd) Help() string {
	return `-n players join and play; then all connections are reset, and all players connect again within --within.
One that is turned away tries again every 500 ms. The figure to look at is "all back".

Examples:
  srsbench storm rtmp://127.0.0.1/live/s -n 5000 --rate 1000 --pid $(pidof srsd)
  srsbench storm rtmp://127.0.0.1/live/s -n 5000 --within 5s`
}

// Help implements kong.HelpProvider.
func (*floorCmd) Help() string {
	return `Whoever connects and sends a request gets the head of an HTTP-FLV stream, and from then on, once per
--window, the next slice of --kbps. Nothing else is done: no server that writes as often can cost less. Measure
it as any other server; it ends at Ctrl-C or after -d, and then prints what it did.

Examples:
  taskset -c 0 srsbench floor --window 350ms &
  taskset -c 1 srsbench play http://127.0.0.1:16999/live/s.flv -n 4000 --rate 800 --pid $!
  srsbench floor --listen 10.0.0.1:16999 --kbps 600 --window 100ms -d 1h`
}
