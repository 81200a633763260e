#!/usr/bin/env bash
# The Autobahn test suite against an echo server, directly and through both doors of the proxy: case by
# case, through the proxy equals direct.
#
# Installs the suite and the echo server (websockets) at pinned versions into a directory that goes
# away. The suite is written for Python 2.7, which has to be there already: PYTHON2 names it, or it is
# python2.7 in PATH or one of pyenv's. CASES says which cases, for example CASES='*' for all; without it
# those of the protocol itself, and one each of performance and of compression. SEALGATE names a binary
# that is built already.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=common.sh
. ./common.sh
cases="${CASES:-1.* 2.* 3.* 4.* 5.* 6.* 7.* 10.* 9.1.1 9.2.1 12.1.1 13.1.1}"

python2="${PYTHON2:-$(command -v python2.7 || true)}"
for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7.*/bin/python2.7; do
    if ! "$python2" -c 0 2>/dev/null; then python2="$candidate"; fi
done
"$python2" -c 0 2>/dev/null || {
    echo "left out: there is no Python 2.7 here, which the suite needs"
    exit 0
}

need python3:python3
# The last virtualenv that makes environments for Python 2.7.
python websockets==17.4 virtualenv==20.21.1
{
    "$work/venv/bin/virtualenv" --quiet --python "$python2" "$work/suite"
    "$work/suite/bin/pip" install --quiet autobahntestsuite==25.10.1
} >"$work/pip.log" 2>&1 || fail "pip" "$work/pip.log"

"$work/venv/bin/python" echo_server.py "$work/port" >"$work/echo.log" 2>&1 &
children+=($!)
serve --http-hosts 127.0.0.1
for _ in $(seq 100); do
    if [ -s "$work/port" ]; then break; fi
    sleep 0.1
done
port="$(cat "$work/port")" || fail "the echo server starts" "$work/echo.log"

passphrase="$(head -c 16 /dev/urandom | base64)"
credential="$(printf '{"name": "echo", "hostPattern": "127.0.0.1:%s", "value": "v"}' "$port" |
    call "$key" /v1/credentials -H "X-Proxy-Master-Key: $passphrase" --data-binary @- | field credentialId)"
token="$(printf '{"ttlSeconds": 7200, "credentials": ["%s"]}' "$credential" |
    call "$key" /v1/tokens -H "X-Proxy-Master-Key: $passphrase" --data-binary @- | field token)"

# agent NAME URL HEADERS: the suite against one address; its report is $work/NAME/index.json. Most of its
# time it waits, so the three run side by side.
agent() {
    "$work/venv/bin/python" - "$work/$1.json" "$work/$1" "$1" "$2" "$3" "$cases" <<'PYTHON'
import json, sys
path, reports, agent, url, headers, cases = sys.argv[1:]
specification = {
    "outdir": reports,
    "servers": [{"agent": agent, "url": url, "headers": json.loads(headers)}],
    "cases": cases.split(),
    "exclude-cases": [],
    "exclude-agent-cases": {},
}
json.dump(specification, open(path, "w"))
PYTHON
    "$work/suite/bin/python" -W ignore autobahn_client.py "$work/$1.json" >"$work/$1.log" 2>&1 &
    agents+=("$!:$1")
    children+=($!)
}
agents=()
through="${base/http:/ws:}"
agent direct "ws://127.0.0.1:$port/" '{}'
agent explicit "$through/" "{\"X-Api-Key\": \"$key\", \"X-Target-URL\": \"http://127.0.0.1:$port/\"}"
agent base-url "$through/to/127.0.0.1:$port/" "{\"Authorization\": \"Bearer $token\"}"
for agent in "${agents[@]}"; do
    wait "${agent%%:*}" || fail "the suite runs: ${agent##*:}" "$work/${agent##*:}.log"
done
python3 autobahn_compare.py "$work" || fail "through the proxy equals direct"
