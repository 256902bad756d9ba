# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What the scripts share; sourced by them. Leaves the shell in the project's folder.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit

# A checkout elsewhere compiles the same: what one of them compiled serves all.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1

headline() { printf '\n== %s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# configure FOLDER [CMAKE OPTION…]
configure() {
  local folder=$1
  shift
  if command -v ccache >/dev/null; then set -- "$@" -DCMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
  mkdir -p "$folder" || die "cannot write to $root/$folder"
  if ! cmake -S . -B "$folder" -G Ninja "$@" >"$folder/configure.log" 2>&1; then
    cat "$folder/configure.log" >&2
    die "cmake failed, see above"
  fi
}

# The project's files that match the patterns, new ones included.
project_files() {
  local file
  git ls-files --cached --others --exclude-standard --deduplicate -- "$@" |
    while IFS= read -r file; do if [ -e "$file" ]; then printf '%s\n' "$file"; fi; done
}
