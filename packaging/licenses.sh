#!/usr/bin/env bash
# Prints the licences of what is linked into the program: they ask for their text to go with copies.
set -euo pipefail
cd "$(dirname "$0")/.."
one() { # name, directory
  local found=0 file
  for file in "$2"/LICEN[CS]E* "$2"/COPYING* "$2"/NOTICE*; do
    [ -f "$file" ] || continue
    found=1
    printf '\n%s, %s:\n\n' "$1" "$(basename "$file")"
    sed 's/\r$//' "$file"
  done
  [ $found = 1 ] || { echo "$1 has no licence in $2" >&2; exit 1; }
}
one "The Go standard library" "$(go env GOROOT)"
go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/snatctl | sort -u |
  while read -r path version dir; do one "$path $version" "$dir"; done
