# Shared by the scripts in image/: sourced, never run. Sets TOP (the checkout), CACHE (what outlives a checkout) and strict mode.
set -euo pipefail
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sealtap}
BUILD=$TOP/build
JOBS=${JOBS:-2}
export LC_ALL=C TZ=UTC
# called from make, whose own flags must not reach the make of a library or of the kernel
unset MAKEFLAGS MFLAGS MAKELEVEL
umask 022
mkdir -p "$CACHE" "$BUILD"

die() {
	echo "sealtap: $*" >&2
	exit 1
}

# note TEXT: something the reader should know; not an error.
note() {
	echo "  note: $*"
}

# quietly LOG COMMAND...: output goes to LOG; on failure its end is shown. V=1 shows everything.
quietly() {
	local log=$1
	shift
	mkdir -p "$(dirname "$log")"
	if [ "${V:-}" = 1 ]; then
		echo "+ $*" >&2
		"$@" 2>&1 | tee "$log"
		return
	fi
	"$@" >"$log" 2>&1 || {
		tail -n 30 "$log" >&2
		die "'$1' failed; its whole output is in $log"
	}
}

# key_of FILE-OR-TEXT...: the first 16 hex digits of a SHA-256 over the contents of the files and the texts given.
key_of() {
	local x
	for x; do
		if [ -f "$x" ]; then sha256sum <"$x"; else printf '%s\n' "$x"; fi
	done | sha256sum | cut -c1-16
}

sha256_of() {
	sha256sum "$1" | cut -d' ' -f1
}

# cached NAME FUNCTION: makes $CACHE/NAME exist, by calling FUNCTION DIR on a scratch directory that is renamed when it succeeds.
# Several checkouts may do so at the same time: the second one waits. FUNCTION gets the final path as $2.
cached() {
	local name=$1 fn=$2
	local final=$CACHE/$name
	[ -e "$final" ] && return
	exec 9>"$CACHE/$name.lock"
	flock 9
	if [ ! -e "$final" ]; then
		rm -rf "$final.part"
		mkdir -p "$final.part"
		"$fn" "$final.part" "$final"
		mv "$final.part" "$final"
	fi
	exec 9>&-
}
