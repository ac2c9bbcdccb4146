#!/usr/bin/env bash
# Measures everything and writes bench/results: JSON, a table and charts. Arguments go to `bench all`;
# without any it is --quick, which takes about twelve minutes (--repeat 3 measures at full length, an hour). Wants a machine with nothing else to do, two cores
# at least, and root (or sudo) for the Debian packages it is compared with.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOFLAGS="${GOFLAGS:--tags=nolibopusfile -buildvcs=false}"

packages=(janus rtpengine-daemon sip-tester asterisk-core-sounds-en-g722)
missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
  root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "please install as root: apt-get install ${missing[*]}" >&2; exit 1; }
    root=(sudo)
  fi
  # Installed, not started: the bench starts each server itself. A policy that was there stays.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
    "${root[@]}" chmod +x "$policy"
    trap '"${root[@]}" rm -f "$policy"' EXIT
  fi
  echo "installing ${missing[*]}" >&2
  "${root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

mkdir -p bin
go build -o bin/bench ./bench
[ $# -gt 0 ] || set -- --quick
bin/bench all "$@"
