#!/usr/bin/env bash
# need.sh COMMAND:PACKAGE... makes sure that each command (or file, if it has a
# slash) is there. As root on a Debian system it installs the packages of those
# that are not, and starts no service that comes with them; otherwise it says what to
# install, and fails.
set -euo pipefail

packages=()
for need in "$@"; do
	name=${need%%:*}
	if [[ $name == */* ]]; then
		[[ -e $name ]] && continue
	else
		command -v "$name" >/dev/null && continue
	fi
	[[ " ${packages[*]-} " == *" ${need#*:} "* ]] || packages+=("${need#*:}")
done
[[ ${#packages[@]} -eq 0 ]] && exit 0

if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
	{
		echo "Missing, and needed here: ${packages[*]}"
		echo "On Debian or Ubuntu: sudo apt-get install ${packages[*]}"
	} >&2
	exit 1
fi
echo "installing ${packages[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt-get update && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
	apt-get install -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "could not install: ${packages[*]}" >&2
	exit 1
fi
