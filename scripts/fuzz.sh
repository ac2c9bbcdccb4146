#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time, one after the other. Stops at the first crash.
set -euo pipefail
cd "$(dirname "$0")/.."
for dir in $(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do
  for target in $(grep -h -o '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed 's/func //'); do
    printf '== %s %s\n' "$dir" "$target"
    go test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$1"
  done
done
