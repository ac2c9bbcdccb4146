#!/bin/sh
# Spectrograms of the demo's caller, who speaks over a washing machine, before and after noise suppression, for
# docs/denoise.md. Wants ffmpeg and sox.
set -eu
cd "$(dirname "$0")/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
ffmpeg -v error -y -i cmd/cordboard/caller/caller.opus -t 9 -ar 16000 -ac 1 "$tmp/before.wav"
go run ./cmd/cordboard denoise -q "$tmp/before.wav" "$tmp/after.wav"
for name in before after; do
	sox "$tmp/$name.wav" -n spectrogram -x 640 -y 129 -z 80 -Z -10 -r -o "docs/img/denoise-$name.png"
done
