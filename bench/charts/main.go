// SPDX-License-Identifier: MIT

// Command charts makes charts and tables of what bench/compare has measured. The same rows
// give the same bytes.
//
//	go run -C bench/charts . -results ../results
//
// It is a module of its own, so that what draws stays out of srsd.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) //nolint:forbidigo // this is main
}

func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// run is main with its surroundings passed in; it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	f := flag.NewFlagSet("charts", flag.ContinueOnError)
	f.SetOutput(stderr)
	results := f.String("results", "../results", "folder with the CSV files; the charts go there, too")
	tables := f.String("tables", "-", "file for the tables, in Markdown; - is the standard output")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	case f.NArg() > 0:
		say(stderr, "charts: %q: there are no arguments, only flags\n", f.Args())
		return exitUsage
	}
	if err := render(*results, *tables, stdout, stderr); err != nil {
		say(stderr, "charts: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// render writes all charts and tables for which there are rows, and tells progress which.
func render(results, tables string, stdout, progress io.Writer) error {
	rows, err := readAll(results)
	if err != nil {
		return err
	}
	for i := range charts {
		c := &charts[i]
		name := filepath.Join(results, c.file)
		b, err := c.svg(rows)
		if err != nil {
			return fmt.Errorf("%s: %w", c.file, err)
		}
		if b == nil {
			say(progress, "%s: no rows for it\n", c.file)
			continue
		}
		if err := os.WriteFile(name, b, 0o644); err != nil {
			return err
		}
		say(progress, "%s\n", name)
	}
	text := markdown(rows)
	if tables == "-" {
		_, err := io.WriteString(stdout, text)
		return err
	}
	return os.WriteFile(tables, []byte(text), 0o644)
}
