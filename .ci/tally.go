// SPDX-License-Identifier: MIT

// Tally reads the output of go test -json, mixed with other lines, and makes it
// readable: one line per package, the output of what failed, slow tests as they end.
// It writes how many tests and subtests passed and failed to the file that is its
// only argument, as "passed failed". A package that fails without a failing test
// (it does not build, or panics outside of one) counts as one failed test.
//
//	go test -json ./... | go run .ci/tally.go counts.txt
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// slowSeconds: a passed test that took longer is shown at once, so that a long run shows life.
const slowSeconds = 2

// event is one line of go test -json; see go doc test2json, and go help buildjson
// for the build's lines, which have an ImportPath.
type event struct {
	Action, Package, Test, Output string
	ImportPath                    string
	Elapsed                       float64 // seconds
}

// result is what is known of one package.
type result struct {
	passed, failed int
	output         map[string]*strings.Builder // by test; "" is the package itself
}

// tally is the state of the whole run.
type tally struct {
	packages       map[string]*result
	passed, failed int
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: tally COUNTSFILE <test.json")
		os.Exit(2)
	}
	t := tally{packages: map[string]*result{}}
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadString('\n')
		t.line(line)
		if err != nil {
			break // io.EOF, or a broken pipe: what was read counts
		}
	}
	counts := fmt.Sprintf("%d %d\n", t.passed, t.failed)
	if err := os.WriteFile(os.Args[1], []byte(counts), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
}

// line takes one line, of go test or of anything else.
func (t *tally) line(line string) {
	var e event
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		fmt.Print(line)
		return
	}
	if strings.HasPrefix(e.Action, "build-") {
		fmt.Print(e.Output)
		return
	}
	p := t.packages[e.Package]
	if p == nil {
		p = &result{output: map[string]*strings.Builder{}}
		t.packages[e.Package] = p
	}
	switch e.Action {
	case "output":
		p.keep(e.Test, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.endPackage(p, e)
		} else {
			p.endTest(e)
		}
	}
}

// keep saves output until the fate of its test is known.
func (p *result) keep(test, output string) {
	b := p.output[test]
	if b == nil {
		b = &strings.Builder{}
		p.output[test] = b
	}
	b.WriteString(output)
}

// endTest counts a test and shows what is worth showing.
func (p *result) endTest(e event) {
	output := ""
	if b := p.output[e.Test]; b != nil {
		output = b.String()
	}
	delete(p.output, e.Test)
	switch e.Action {
	case "pass":
		p.passed++
		if e.Elapsed >= slowSeconds {
			fmt.Printf("      %s %s (%.1f s)\n", e.Package, e.Test, e.Elapsed)
		}
	case "fail":
		p.failed++
		fmt.Printf("FAIL  %s %s\n%s", e.Package, e.Test, output)
	case "skip":
		fmt.Printf("skip  %s %s\n%s", e.Package, e.Test, output)
	}
}

// endPackage adds the package to the totals. Tests that never ended, because the
// process did, are shown with the package's own output.
func (t *tally) endPackage(p *result, e event) {
	if e.Action == "fail" {
		if p.failed == 0 {
			p.failed = 1
		}
		for _, b := range p.output {
			fmt.Print(b.String())
		}
		fmt.Printf("FAIL  %s: %d passed, %d failed\n", e.Package, p.passed, p.failed)
	} else if p.passed > 0 {
		fmt.Printf("ok    %s: %d passed (%.1f s)\n", e.Package, p.passed, e.Elapsed)
	}
	t.passed += p.passed
	t.failed += p.failed
	delete(t.packages, e.Package)
}
