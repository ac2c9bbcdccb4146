#!/usr/bin/env bash
# Makes cmd/cordboard/caller/caller.opus, the demo caller's voice: flite's "slt" voice (BSD-like licence, its
# output is free) reading a made-up conversation over the noise of a washing machine that sox synthesises.
# Nobody is recorded in it; the file is under the project's own licence. Needs flite, sox, opus-tools.
set -euo pipefail
out=$(readlink -f "$(dirname "$0")/../cmd/cordboard/caller")/caller.opus
cd "$(mktemp -d)"
i=0
while read -r line; do
  flite -voice slt -t "$line" -o raw.wav
  sox raw.wav -r 16000 -c 1 "line$i.wav" pad 0.4 1.6
  i=$((i + 1))
done <<'TEXT'
Hello, this is Anna Novak speaking. I am calling about my washing machine.
It makes a loud rattling noise when it spins. Can you hear it in the background?
My order number is four seven one one, and I bought it in October.
I would like to pay for the new part by card, if that is possible.
Please pause the recording before I read you the number.
Thank you very much. That was kind of you. I will wait for the technician then.
TEXT
sox line?.wav speech.wav gain -n -6
len=$(soxi -D speech.wav)
sox -R -n -r 16000 -c 1 motor.wav synth "$len" brownnoise highpass 60 gain -n -24
sox -R -n -r 16000 -c 1 rattle.wav synth "$len" pinknoise synth "$len" sine amod 3.2 60 highpass 400 lowpass 4500 gain -n -22
sox -R -n -r 16000 -c 1 hum.wav synth "$len" sine 100 synth "$len" sine mix 200 gain -34
sox -m -v 1 speech.wav -v 1 motor.wav -v 1 rattle.wav -v 1 hum.wav caller.wav gain -n -4
opusenc --quiet --bitrate 24 --framesize 20 caller.wav "$out"
ls -l "$out"
