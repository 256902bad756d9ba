# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What the scripts of the system tests share; sourced by them.
# shellcheck source=script/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../script/lib.sh"

# What is made here is for all users of a machine.
umask 022
here=$root/tests/system
# Where the machines have the test program.
# shellcheck disable=SC2034 # for those that source this
tests_program=/usr/libexec/ptyd-test/ptyd_system_tests
cache=${PTYD_TEST_CACHE:-/var/cache/ptyd-test}

need_root() { [ "$(id -u)" = 0 ] || die "this needs root: it makes namespaces, mounts and cgroups"; }

# A name that is safe in paths, and in the options of an overlay.
check_release() {
  case ${1:-} in '' | *[!a-z]*) die "not a Debian release: '${1:-}' (bookworm and trixie are)" ;; esac
  case $cache$root in *[:,\\]*) die "a path with one of these cannot be in an overlay: : , \\" ;; esac
}

# Whether the release is the one that runs here: then its programs are built here too.
is_host_release() { [ "$(. /etc/os-release && echo "${ID:-} ${VERSION_CODENAME:-}")" = "debian $1" ]; }

# in_overlay LOWERS COMMAND…: runs it in a copy of the root file system that is gone afterwards, with
# the project's folder at /src, and at /build its folder $build. All mounts are in a namespace of
# their own, so nothing can be left of them.
in_overlay() {
  local lowers=$1
  shift
  # shellcheck disable=SC2016 # for the shell inside
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child bash -euc '
    lowers=$1 src=$2 build=$3
    shift 3
    mount --make-rprivate /
    mount -t tmpfs -o mode=0755 tmpfs /mnt
    cd /mnt
    mkdir upper work root
    mount -t overlay -o "lowerdir=$lowers,upperdir=upper,workdir=work" overlay root
    cd root
    mkdir src build
    mount --bind "$src" src
    mount -o remount,bind,ro src
    mount --bind "$build" build
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    mount --rbind /dev dev
    mount -t tmpfs -o mode=1777 tmpfs tmp
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
      chroot . "$@"' in_overlay "$lowers" "$root" "$build" "$@"
}

# prepare_build RELEASE: sets $build to the folder where the programs for a release are built, and
# $source_inside and $build_inside to the paths of the tree and of that as the compiler sees them.
# Waits for whoever builds there now.
prepare_build() {
  build=$root/build-system-$1
  mkdir -p "$build" || die "cannot write to $build"
  exec 8>"$build/lock"
  flock 8
  if is_host_release "$1"; then
    build_lower='' source_inside=$root build_inside=$build
    script/deps test >&2
  else
    need_root
    build_lower=$("$here/root" "$1")
    source_inside=/src build_inside=/build
    # Held shared until this script ends, as by tests/system/boot.
    exec 9>"$cache/$1.lock"
    flock --shared 9
  fi
}

# Runs a command where the programs are built.
with_build() { if [ -z "$build_lower" ]; then "$@"; else in_overlay "$build_lower" "$@"; fi; }

build_targets() {
  local launcher=
  if [ -z "$build_lower" ] && command -v ccache >/dev/null; then launcher=ccache; fi
  # Once: ninja runs cmake again itself when that is needed. Without what would be stripped anyway.
  if [ ! -e "$build/build.ninja" ] &&
    ! with_build cmake -S "$source_inside" -B "$build_inside" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
      -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O2 -DNDEBUG" -DCMAKE_INSTALL_PREFIX=/usr \
      -DCMAKE_INSTALL_SYSCONFDIR=/etc -DCMAKE_INSTALL_LIBEXECDIR=libexec -DPTYD_TESTS=ON -DPTYD_MAN=OFF \
      ${launcher:+-DCMAKE_CXX_COMPILER_LAUNCHER=$launcher} >"$build/configure.log" 2>&1; then
    cat "$build/configure.log" >&2
    die "cmake failed, see above"
  fi
  if ! with_build cmake --build "$build_inside" --target "$@" >"$build/build.log" 2>&1; then
    tail -n 60 "$build/build.log" >&2
    die "the build failed, see above and $build/build.log"
  fi
}

# build_packages RELEASE FOLDER [VARIABLE=VALUE…]: the Debian packages of the tree as it is, into a folder
# below $build, afresh. Sets what prepare_build sets.
build_packages() {
  prepare_build "$1"
  local folder=$build/$2 inside=$build_inside/$2/ptyd
  local cache=$build_inside/ccache # as HOME is another one for each package that is built
  shift 2
  if [ -z "$build_lower" ]; then script/deps package >&2; fi
  rm -rf "$folder"
  mkdir -p "$folder/ptyd"
  # Where the packages are built there may be neither npm nor a network.
  web/page/build "$folder/page" >&2
  project_files | tar --create --files-from - | tar --extract --directory "$folder/ptyd"
  # shellcheck disable=SC2016 # for the shell inside
  if ! with_build env CCACHE_DIR="$cache" CCACHE_BASEDIR="$build_inside" CCACHE_NOHASHDIR=1 \
    PTYD_WEB_PAGE="${inside%/*}/page" DEB_BUILD_PROFILES=pkg.ptyd.page "$@" sh -euc '
    cd "$1"
    PATH=/usr/lib/ccache:$PATH exec dpkg-buildpackage --unsigned-source --unsigned-changes' \
    dpkg-buildpackage "$inside" >"$folder/build.log" 2>&1; then
    tail -n 60 "$folder/build.log" >&2
    die "the package is not built, see above and $folder/build.log"
  fi
}

# The names of debian/tests.
debian_tests() { sed -n 's/^Tests: //p' debian/tests/control; }
