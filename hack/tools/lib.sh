# Shared by the build scripts here and in ../k8s. Sourced by bash, never run.
# Messages for people go to standard error. Standard output is for results.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/weir

say() { printf '%s: %s\n' "$program" "$*" >&2; }
die() { printf '%s: error: %s\n' "$program" "$*" >&2; exit 1; }

# The pinned version of a module, out of go.mod (no Go needed).
# module_version GO_MOD MODULE
module_version() {
  awk -v m="$2" '$1 == m && $2 ~ /^v/ { print $2; exit }' "$1"
}

# What the result depends on: the given files, the recipe text, the platform.
# content_key RECIPE FILE...
content_key() {
  local recipe=$1; shift
  { printf '%s\n' "$recipe" "$(uname -sm)"; cat -- "$@"; } | sha256sum | cut -c1-16
}

# True when DIR holds a finished build of KEY with all the named programs.
# built DIR KEY PROGRAM...
built() {
  local dir=$1 key=$2 p; shift 2
  [ "$(cat "$dir/.key" 2>/dev/null)" = "$key" ] || return 1
  for p; do [ -x "$dir/$p" ] || return 1; done
}

# Go must be here, and new enough for the go.mod in the current directory.
need_go() {
  local wanted out
  wanted=$(awk '$1 == "go" { print $2; exit }' go.mod)
  command -v go >/dev/null ||
    die "Go is not installed (no 'go' in PATH). Install Go $wanted or newer$1"
  out=$(go env GOVERSION 2>&1) ||
    die "this Go cannot build here: $out
Install Go $wanted or newer, or set GOTOOLCHAIN=auto so that Go fetches it$1"
  say "using $out"
}

# One builder at a time: a second caller waits here, then finds the result.
# take_lock FILE
take_lock() {
  command -v flock >/dev/null || die "the program 'flock' is missing (Debian package util-linux)"
  mkdir -p "$(dirname "$1")"
  exec 9>"$1"
  flock -n 9 && return
  say "another build is running, waiting for it"
  local start=$SECONDS
  until flock -w 15 9; do say "  still waiting, $((SECONDS - start)) s"; done
}

# Runs a command in the background with its output in LOG, and says how long
# it has been running. TOTAL is the number of packages, 0 for not known.
# with_progress LOG TOTAL COMMAND...
with_progress() {
  local log=$1 total=$2 start=$SECONDS next=15 done_ pid status=0; shift 2
  "$@" >"$log" 2>&1 &
  pid=$!
  # shellcheck disable=SC2064
  trap "kill $pid 2>/dev/null; exit 130" INT TERM HUP
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if [ $((SECONDS - start)) -ge $next ]; then
      next=$((next + 15))
      done_=$(grep -c '^[a-z][^ :]*$' "$log" || true)
      if [ "$total" -gt 0 ] && [ "$done_" -gt 0 ]; then
        say "  $((SECONDS - start)) s, compiled $done_ packages (all are $total, cached ones are not counted)"
      else
        say "  $((SECONDS - start)) s"
      fi
    fi
  done
  wait "$pid" || status=$?
  trap - INT TERM HUP
  return $status
}

# The last lines of a log that are not package names, as part of an error.
log_tail() { grep -v '^[a-z][^ :]*$' "$1" | tail -n 15 | sed 's/^/  | /' >&2; }

# Fetches what the packages need and sets `packages` to how many they are.
# fetch_modules LOG PACKAGE...
fetch_modules() {
  local log=$1; shift
  say "fetching Go modules"
  if ! with_progress "$log" 0 go list -deps "$@"; then
    log_tail "$log"
    die "could not fetch the Go modules. Is there a network, or a Go module mirror in GOPROXY? The log is $log"
  fi
  packages=$(grep -vc '^go: ' "$log" || true)
}

# The Go environment of every build here: nothing of the user's flags may
# change what is built, and the build cache is our own.
go_environment() {
  export GOCACHE=$cache/go-build GOWORK=off CGO_ENABLED=0 GO111MODULE=on
  export GOFLAGS="${GOFLAGS:-} -mod=readonly -buildvcs=false -trimpath"
  export GOGC=${GOGC:-400} # a tenth faster for a little more memory
  unset GOOS GOARCH
}
