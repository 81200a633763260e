#!/usr/bin/env bash
# Does what the README tells a new user: the run command, then the lines that it prints.
set -euo pipefail
cd "$(dirname "$0")/.."

work="$(mktemp -d)"
server=
cleanup() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    rm -rf "$work"
}
trap cleanup EXIT

fail() { printf 'FAILED: %s\n' "$1" >&2; cat "$work/log" >&2; exit 1; }

cargo build --release
# The command of the README, on a free port and in a directory that goes away.
cargo run --release -- serve --dev --listen 127.0.0.1:0 --data-dir "$work/data" >"$work/shown" 2>"$work/log" &
server=$!
for _ in $(seq 300); do
    if grep -q X-Identity-Key "$work/shown"; then break; fi
    kill -0 "$server" 2>/dev/null || fail "the server ended"
    sleep 0.2
done
grep -q "DEVELOPMENT MODE" "$work/log" || fail "development mode says so"

# paste LABEL: runs the curl line printed below this comment.
paste_line() {
    local line
    line="$(grep -A1 "^# $1" "$work/shown" | tail -n 1)"
    case "$line" in curl*) bash -c "$line" ;; *) fail "no curl line for: $1" ;; esac
}

paste_line "Store a secret" | grep -q '"version":1' || fail "a secret is stored"
paste_line "Read it back" | grep -q '"valueB64":"cG9zdGdyZXM6Ly9hcHA6cGFzc0BkYjo1NDMyL21haW4="' || fail "it is read back"
paste_line "List names" | grep -q '"db-connection"' || fail "its name is listed"

echo "2 README commands, 3 pasted lines: all as promised"
