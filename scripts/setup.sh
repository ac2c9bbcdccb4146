#!/usr/bin/env bash
# Installs what is missing and does nothing when nothing is.
#   setup.sh build   what it takes to build: a C compiler, libopus, Node
#   setup.sh peers   what the tests talk to: baresip, sipp, Chromium, versitygw, sound tools
#   setup.sh tools   staticcheck and gofumpt
# Debian packages need root (or sudo); Go programs go to .bin.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.bin
mkdir -p "$bin"

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

# apt PACKAGE... installs those that dpkg does not know as installed.
apt() {
  local missing=()
  for p in "$@"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "please install as root: apt-get install ${missing[*]}"; exit 1; }
    root=(sudo)
  fi
  say "installing ${missing[*]}"
  "${root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# gotool MODULE VERSION NAME builds a pinned Go program into .bin unless that version is there.
gotool() {
  local pkg=$1 version=$2 name=$3
  [ -x "$bin/$name" ] && go version -m "$bin/$name" 2>/dev/null | grep -qE "^\s+mod\s.*\s$version(\s|$)" && return
  say "building $name $version"
  GOFLAGS=-buildvcs=false GOBIN=$bin go install "$pkg@$version"
}

for what in "$@"; do
  case $what in
    build)
      apt build-essential pkg-config libopus-dev
      command -v node >/dev/null || apt nodejs npm
      node -e 'const [a,b]=process.versions.node.split(".").map(Number); process.exit(a>20||(a==20&&b>=19)?0:1)' ||
        { say "the desktop's build needs Node 20.19 or newer, this is $(node --version)"; exit 1; }
      ;;
    peers)
      apt baresip-core sip-tester chromium sox libsox-fmt-all ffmpeg opus-tools openssl asterisk-core-sounds-en-wav fonts-dejavu-core
      gotool github.com/versity/versitygw/cmd/versitygw v1.8.0 versitygw
      ;;
    tools)
      gotool honnef.co/go/tools/cmd/staticcheck v0.8.2 staticcheck
      gotool mvdan.cc/gofumpt v0.12.0 gofumpt
      ;;
    *) say "usage: setup.sh build|peers|tools"; exit 2 ;;
  esac
done
