// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"srsd/bench/load"
	"srsd/bench/media"
)

// toStdout is what --json and --csv call the standard output.
const toStdout = "-"

// sourcesMax bounds --sources: 127.0.0.2 to 127.0.0.255.
const sourcesMax = 254

// durationLeast is the shortest measurement that has a meaning.
const shortest = time.Second

// common are the flags of all commands.
type common struct {
	Rate     float64       `default:"500" placeholder:"N" help:"Connections opened per second (${default})."`
	Warm     time.Duration `default:"5s" help:"Wait so long after the last join before measuring (${default})."`
	Duration time.Duration `short:"d" default:"10s" help:"Measure so long (${default}); a storm may take 60s, or so long."`
	Timeout  time.Duration `default:"10s" help:"A connection that is not accepted by then is lost (${default})."`
	PID      []int         `name:"pid" placeholder:"PID" help:"Processes of the server, on this machine: CPU and memory."`
	Source   []string      `placeholder:"IP" help:"Local addresses to connect from, in turn."`
	Sources  int           `placeholder:"N" help:"Connect from N loopback addresses, each with its own ports."`
	Threads  int           `default:"1" placeholder:"N" help:"Threads that do the work (${default})."`
	JSON     string        `name:"json" placeholder:"FILE" help:"Write the result as JSON; - is the standard output."`
	CSV      string        `name:"csv" placeholder:"FILE" help:"Append the result as CSV; - is the standard output."`
	Every    time.Duration `default:"5s" help:"Print a line so often where there is no terminal (${default}; 0: never)."`
}

// players are the flags of commands that play.
type players struct {
	Players int `short:"n" default:"100" placeholder:"N" help:"Players (${default})."`
	Streams int `short:"s" placeholder:"N" help:"Streams per URL, numbered from 0 as %d or at the end."`
	Sample  int `default:"100" placeholder:"K" help:"Every K-th player reads what it gets: latency, gaps (${default})."`
}

// content are the flags that say what is published.
type content struct {
	File      string        `short:"f" placeholder:"FLV" help:"Publish this file, in a loop."`
	Size      string        `default:"1280x720" help:"Picture of the generated stream (${default})."`
	FPS       int           `name:"fps" default:"25" placeholder:"N" help:"Its frames per second (${default})."`
	GOP       int           `name:"gop" default:"50" placeholder:"N" help:"Its frames per group of pictures (${default})."`
	Kbps      int           `default:"1000" placeholder:"N" help:"Its bit rate, audio included, kbit/s (${default})."`
	AudioKbps int           `default:"64" placeholder:"N" help:"Of which audio; 0: no audio track (${default})."`
	Batch     time.Duration `help:"Write what is due only so often, as some encoders do: 250ms."`
	NoMarks   bool          `help:"Leave the send time out of the video frames: no latency."`
}

// own are the flags of commands that can publish what they play.
type own struct {
	Publishers int           `short:"p" default:"1" placeholder:"N" help:"Publishers, a stream each; or 0 (${default})."`
	PublishURL string        `name:"publish-url" placeholder:"URL" help:"Publish there, for HTTP-FLV players or edges."`
	Lead       time.Duration `default:"2.5s" help:"Publish so long before players join (${default})."`
	content    `embed:""`
}

type playCmd struct {
	URLs []string `arg:"" name:"url" help:"rtmp(s)://HOST/APP/STREAM, http(s)://HOST/APP/STREAM.flv; they share players."`
	players
	common
}

type publishCmd struct {
	URLs       []string `arg:"" name:"url" help:"rtmp(s)://HOST/APP/STREAM; several share the publishers."`
	Publishers int      `short:"n" default:"1" placeholder:"N" help:"Publishers; numbered as streams are (${default})."`
	content
	common
}

type mixedCmd struct {
	URLs []string `arg:"" name:"url" help:"rtmp://HOST/APP/STREAM; they share the players, the first has the publishers."`
	players
	own
	common
}

type churnCmd struct {
	mixedCmd
	Churn float64 `default:"50" placeholder:"N" help:"Players that leave, and join, per second (${default})."`
}

type soakCmd struct {
	mixedCmd
	Churn        float64       `default:"200" placeholder:"N" help:"Players that leave and join, per second (${default})."`
	PublishChurn float64       `default:"20" placeholder:"N" help:"Publishers that leave, per second (${default})."`
	Slow         int           `default:"20" placeholder:"N" help:"Players that take 20 KB/s only (${default})."`
	Vanish       int           `default:"20" placeholder:"K" help:"Every K-th leaves silently; 0: none (${default})."`
	VanishFor    time.Duration `default:"40s" help:"Silent for so long, then reset (${default})."`
	Looks        string        `placeholder:"FILE" help:"Write what the server holds as CSV; - is the standard output."`
	LookEvery    time.Duration `default:"10s" help:"Look at the server so often (${default})."`
}

type stormCmd struct {
	mixedCmd
	Within time.Duration `default:"1s" help:"They reconnect within so long after the cut (${default})."`
}

type hlsCmd struct {
	URLs    []string `arg:"" name:"url" help:"http(s)://HOST/APP/STREAM.m3u8; they share the players."`
	Players int      `short:"n" default:"100" placeholder:"N" help:"Players (${default})."`
	Streams int      `short:"s" placeholder:"N" help:"Streams per URL, numbered from 0 as %d or at the end."`
	common
}

var errFlags = errors.New("bad flags")

// apply puts what all commands share into o.
func (c *common) apply(o *load.Options) error {
	o.Rate, o.Warm, o.Duration, o.Timeout = c.Rate, c.Warm, c.Duration, c.Timeout
	o.Threads, o.PIDs = c.Threads, c.PID
	if o.Scenario == load.Storm {
		o.Duration = max(o.Duration, time.Minute)
	}
	if c.Duration < shortest {
		return fmt.Errorf("%w: --duration %v, at least %v", errFlags, c.Duration, shortest)
	}
	if c.JSON == toStdout && c.CSV == toStdout {
		return fmt.Errorf("%w: --json and --csv cannot both go to the standard output", errFlags)
	}
	if c.Sources < 0 || c.Sources > sourcesMax || c.Sources > 0 && len(c.Source) > 0 {
		return fmt.Errorf("%w: --sources is 0 to %d, and not together with --source", errFlags, sourcesMax)
	}
	for _, s := range c.Source {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("%w: --source: %w", errFlags, err)
		}
		o.Sources = append(o.Sources, a)
	}
	for i := range c.Sources {
		o.Sources = append(o.Sources, netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + i)}))
	}
	return nil
}

// clip is what is to be published.
func (c *content) clip() (*media.Clip, error) {
	if c.File != "" {
		return media.ReadFLV(c.File)
	}
	var width, height int
	if n, err := fmt.Sscanf(c.Size, "%dx%d", &width, &height); n != 2 || err != nil {
		return nil, fmt.Errorf("%w: --size %q, it looks like 1280x720", errFlags, c.Size)
	}
	return media.Generate(media.Options{
		Width: width, Height: height, FPS: c.FPS, GOP: c.GOP, VideoKbps: c.Kbps - c.AudioKbps, AudioKbps: c.AudioKbps,
	})
}

func (c *content) apply(o *load.Options) (err error) {
	o.Batch, o.Marks = c.Batch, !c.NoMarks
	if o.Publishers > 0 {
		o.Clip, err = c.clip()
	}
	return err
}

func (c *playCmd) options(ctx context.Context) (o load.Options, flags *common, err error) {
	o = load.Options{Players: c.Players, SampleEvery: c.Sample}
	streams := max(c.Streams, 1)
	o.PlayTargets, err = load.Targets(ctx, c.URLs, streams, streams > 1)
	return o, &c.common, err
}

func (c *hlsCmd) options(ctx context.Context) (o load.Options, err error) {
	o = load.Options{Name: hlsName, Players: c.Players}
	streams := max(c.Streams, 1)
	if o.PlayTargets, err = load.Targets(ctx, c.URLs, streams, streams > 1); err != nil {
		return o, err
	}
	return o, c.apply(&o)
}

func (c *publishCmd) options(ctx context.Context) (o load.Options, flags *common, err error) {
	o = load.Options{Publishers: c.Publishers, SampleEvery: 1}
	perURL := (max(c.Publishers, 1) + len(c.URLs) - 1) / len(c.URLs)
	if o.PublishTargets, err = load.Targets(ctx, c.URLs, perURL, perURL > 1); err != nil {
		return o, nil, err
	}
	return o, &c.common, c.content.apply(&o)
}

func (c *mixedCmd) options(ctx context.Context) (o load.Options, flags *common, err error) {
	o = load.Options{Players: c.Players, Publishers: c.Publishers, SampleEvery: c.Sample}
	streams := c.Streams
	if streams == 0 {
		streams = max(c.Publishers, 1)
	}
	if c.Publishers > 0 && streams > c.Publishers {
		return o, nil, fmt.Errorf("%w: --streams %d with --publishers %d: nobody would publish the others",
			errFlags, streams, c.Publishers)
	}
	suffix := max(streams, c.Publishers) > 1
	if o.PlayTargets, err = load.Targets(ctx, c.URLs, streams, suffix); err != nil {
		return o, nil, err
	}
	if c.Publishers > 0 {
		to := c.PublishURL
		if to == "" {
			to = c.URLs[0]
		}
		if o.PublishTargets, err = load.Targets(ctx, []string{to}, c.Publishers, suffix); err != nil {
			return o, nil, err
		}
		if o.PublishTargets[0].Protocol != load.RTMP {
			return o, nil, fmt.Errorf("%w: %s can be played only: add --publish-url rtmp://..., or --publishers 0",
				errFlags, to)
		}
	}
	o.Lead = c.Lead
	return o, &c.common, c.content.apply(&o)
}

func (c *churnCmd) options(ctx context.Context) (o load.Options, flags *common, err error) {
	o, flags, err = c.mixedCmd.options(ctx)
	o.Scenario, o.ChurnRate = load.Churn, c.Churn
	return o, flags, err
}

func (c *soakCmd) options(ctx context.Context) (o load.Options, flags *common, err error) {
	o, flags, err = c.mixedCmd.options(ctx)
	if err == nil && (len(c.PID) == 0 || c.LookEvery <= 0) {
		err = fmt.Errorf("%w: soak needs the --pid of the server, on this machine, and a --look-every", errFlags)
	}
	o.Scenario, o.ChurnRate = load.Churn, c.Churn
	o.Soak = load.Soak{
		PublishRate: c.PublishChurn, Slow: c.Slow, VanishEvery: c.Vanish, VanishFor: c.VanishFor, LookEvery: c.LookEvery,
	}
	return o, flags, err
}

func (c *stormCmd) options(ctx context.Context) (o load.Options, flags *common, err error) {
	o, flags, err = c.mixedCmd.options(ctx)
	o.Scenario, o.StormWithin = load.Storm, c.Within
	return o, flags, err
}
