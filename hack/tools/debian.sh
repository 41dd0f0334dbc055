# Programs from Debian packages, unpacked and not installed: nothing on the machine changes, no
# service starts. Sourced by bash after lib.sh, never run.

# fetch_debian DIR [APT_OPTION]... PACKAGE...: downloads the packages, with what they need and the
# machine lacks, and unpacks them into DIR.
fetch_debian() {
  local dir=$1 archive part; shift
  command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    die "not a Debian system (no apt-get): install $* yourself, so that their programs are in PATH"
  [ "$(id -u)" = 0 ] || die "fetching Debian packages ($*) needs root"
  # In Debian /bin and others are links; unpacking must not make directories of them.
  for part in bin lib lib32 lib64 libx32 sbin; do
    mkdir -p "$dir/usr/$part"
    ln -sfn "usr/$part" "$dir/$part"
  done
  mkdir -p "$dir/archives/partial"
  say "fetching from Debian: $*"
  local get=(apt-get -qq --yes --no-install-recommends --download-only -o "Dir::Cache::archives=$dir/archives" install)
  if ! "${get[@]}" "$@" >"$dir/apt.log" 2>&1; then
    say "the package lists are too old; updating them"
    if ! apt-get -qq update >>"$dir/apt.log" 2>&1 || ! "${get[@]}" "$@" >>"$dir/apt.log" 2>&1; then
      sed 's/^/  | /' "$dir/apt.log" | tail -n 15 >&2
      die "cannot fetch the Debian packages $*"
    fi
  fi
  for archive in "$dir"/archives/*.deb; do
    [ ! -e "$archive" ] || dpkg-deb --fsys-tarfile "$archive" | tar -C "$dir" --keep-directory-symlink -x ||
      die "cannot unpack $archive"
  done
  rm -rf "$dir/archives" "$dir/apt.log"
}

# debian_programs DIR FINAL PROGRAM:PACKAGE...: for each program that is not in PATH, its package
# in DIR/debian and a small script DIR/PROGRAM that runs it with its libraries. DIR will be moved
# to FINAL.
debian_programs() {
  local dir=$1 final=$2 pair packages=() names=() name path; shift 2
  for pair; do
    command -v "${pair%%:*}" >/dev/null && continue
    names+=("${pair%%:*}") packages+=("${pair#*:}")
  done
  [ ${#names[@]} != 0 ] || return 0
  fetch_debian "$dir/debian" "${packages[@]}"
  for name in "${names[@]}"; do
    path=$(cd "$dir/debian" && find usr -path "*bin/$name" | head -n 1)
    [ -n "$path" ] || die "the Debian packages ${packages[*]} hold no program $name"
    printf '#!/bin/sh\nd=%q\nexec env LD_LIBRARY_PATH="$d/usr/lib/%s-linux-gnu" "$d/%s" "$@"\n' \
      "$final/debian" "$(uname -m)" "$path" >"$dir/$name"
    chmod +x "$dir/$name"
  done
}
