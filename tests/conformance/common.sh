# What the conformance runs share: a directory that goes away, clients at pinned versions, a server.
# shellcheck shell=bash disable=SC2034,SC2120 # for those who read this file in

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
work="$(mktemp -d)"
children=()
cleanup() {
    for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; wait "$child" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT

# fail WHAT [FILE…]: ends the run, with the ends of the files and of the server's log.
fail() {
    printf 'FAILED: %s\n' "$1" >&2
    shift
    for file in "$@"; do tail -n 80 "$file" >&2 || true; done
    tail -n 10 "$work/sealgate.log" >&2 || true
    exit 1
}

# need COMMAND:PACKAGE…: installs the Debian packages of commands that are missing, curl among them.
need() {
    local missing=()
    for tool in curl:curl "$@"; do
        command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
    done
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
    if [ "${#missing[@]}" -gt 0 ]; then
        apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    fi
}

# python REQUIREMENT…: a virtual environment with these in $work/venv.
python() {
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check "$@" >"$work/pip.log" 2>&1 ||
        fail "pip" "$work/pip.log"
}

# serve [ARGUMENT…]: a server in development mode; sets base, key, secret and root.
serve() {
    if [ -z "${SEALGATE:-}" ]; then
        (cd "$here/../.." && cargo build --quiet -p sealgate)
        SEALGATE="${CARGO_TARGET_DIR:-$here/../../target}/debug/sealgate"
    fi
    "$SEALGATE" serve --dev --listen 127.0.0.1:0 --data-dir "$work/data" "$@" \
        >"$work/shown" 2>"$work/sealgate.log" &
    children+=($!)
    for _ in $(seq 300); do
        if grep -q X-Identity-Key "$work/shown"; then break; fi
        sleep 0.1
    done
    base="$(grep -o 'http://127.0.0.1:[0-9]*' "$work/shown" | head -n 1)" || fail "the server greets"
    key="$(sed -n 's/^API key: *//p' "$work/shown")"
    secret="$(sed -n 's/^User secret: *//p' "$work/shown")"
    root="$(sed -n 's/^Root API key: *//p' "$work/shown")"
}

# call KEY PATH [ARGUMENT…]: one call, with curl's arguments; the answer is printed.
call() {
    local key="$1" path="$2"
    shift 2
    curl -sS --fail-with-body -H "X-Api-Key: $key" -H 'Content-Type: application/json' "$@" "$base$path"
}

# field NAME: a field of the JSON object on standard input.
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
