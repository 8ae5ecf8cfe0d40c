#!/usr/bin/env bash
# fuzz.sh TIME runs each fuzz target of the module for TIME (such as 20s), one after
# the other, all of them even if one fails. Its last line says how many passed and
# failed. What made a target fail is saved in testdata/fuzz of its package.
set -euo pipefail
time=${1:?usage: fuzz.sh TIME}
go=${GO:-go}
cd "$(dirname "$0")/.."

# "package target" lines. go test -list prints the names, then "ok package time".
targets=$($go test -list '^Fuzz' ./... | awk '
	$1 ~ /^Fuzz/ { names[++n] = $1 }
	$1 == "ok"   { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }')

# fuzz PACKAGE TARGET: one run. New inputs are made smaller by a hundred tries only: by default that takes
# up to a minute each, in which nothing new is tried. Go's fuzzer now and then takes the end of its own time for a
# failure, when a busy machine lets a worker answer late: "context deadline exceeded", and no
# input that is to blame. That says nothing about the target, which gets another run, twice at most.
fuzz() {
	local try
	for try in 1 2 3; do
		if $go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 100x "$1" >"$log" 2>&1; then return 0; fi
		grep -q '^ *context deadline exceeded$' "$log" || return 1
		if grep -q 'Failing input written' "$log"; then return 1; fi
		echo "again $1 $2: the fuzzer ran into its own deadline (run $try)"
	done
	return 1
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0
while read -r package target; do
	[[ -n $target ]] || continue
	if fuzz "$package" "$target"; then
		passed=$((passed + 1))
		printf 'ok    %s %s: %s\n' "$package" "$target" "$(grep -o 'execs: [0-9]*' "$log" | tail -n 1)"
	else
		failed=$((failed + 1))
		printf 'FAIL  %s %s\n' "$package" "$target"
		cat "$log"
	fi
done <<<"$targets"
echo "fuzz targets: $passed passed, $failed failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
