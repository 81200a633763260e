#!/usr/bin/env bash
# Real clients, unmodified, through the proxy: each calls its API without holding that API's key.
#
# Installs the clients at pinned versions into a directory that goes away, starts a TLS upstream
# (upstream.py) and a server in development mode, and stores the upstream's keys as credentials.
# A client passes when the upstream saw exactly its credential and nothing of ours. SEALGATE names
# a binary that is built already.
set -euo pipefail
cd "$(dirname "$0")"
here="$PWD"

work="$(mktemp -d)"
children=()
cleanup() {
    for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; wait "$child" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT
fail() { printf 'FAILED: %s\n' "$1" >&2; tail -n 20 "$work"/*.log >&2; exit 1; }

missing=()
for tool in python3:python3 node:nodejs npm:npm git:git curl:curl openssl:openssl; do
    command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ "${#missing[@]}" -gt 0 ]; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [ -z "${SEALGATE:-}" ]; then
    (cd ../.. && cargo build --quiet -p sealgate)
    SEALGATE="${CARGO_TARGET_DIR:-$here/../../target}/debug/sealgate"
fi

{
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check \
        openai==3.54.0 stripe==16.1.0 httpx==0.28.1 requests==2.34.2
} >"$work/pip.log" 2>&1 &
pip=$!
mkdir "$work/packages" "$work/confirmed"
printf '{"private": true}' >"$work/packages/package.json"
npm --prefix "$work/packages" install --silent --no-audit --no-fund \
    openai@7.57.0 stripe@23.1.0 >"$work/npm.log" 2>&1 || fail "npm"
wait "$pip" || fail "pip"

# A CA of our own, and a certificate for localhost.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca \
    -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost \
    -keyout "$work/leaf.key" -out "$work/leaf.csr" 2>/dev/null
openssl x509 -req -in "$work/leaf.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial \
    -days 2 -extfile <(printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE') \
    -out "$work/leaf.pem" 2>/dev/null

random() { openssl rand -hex 16; }
# ROLE, VALUE, PLACE as the API names it, its JSON, TEMPLATE, and what arrives.
roles="$work/roles"
basic="tester:$(random)"
openai="sk-$(random)" stripe="sk_live_$(random)" query="q+/ $(random)" header="h-$(random)"
{
    printf 'openai|%s|authorization|"header":"Authorization"|Bearer {{secret}}|Bearer %s\n' "$openai" "$openai"
    printf 'stripe|%s|authorization|"header":"Authorization"|Bearer {{secret}}|Bearer %s\n' "$stripe" "$stripe"
    printf 'plain-query|%s|?api_key|"queryParameter":"api_key"|{{secret}}|%s\n' "$query" "$query"
    printf 'plain-header|%s|x-api-key|"header":"X-Api-Key"|{{secret}}|%s\n' "$header" "$header"
    printf 'plain-basic|%s|authorization|"header":"Authorization"|Basic {{secret|base64}}|Basic %s\n' \
        "$basic" "$(printf %s "$basic" | base64 -w 0)"
} >"$roles"
python3 - "$roles" "$work/roles.json" <<'PYTHON'
import json, sys
roles = {}
for line in open(sys.argv[1]):
    # A template may hold a bar of its own.
    role, value, place, _, rest = line.rstrip("\n").split("|", 4)
    roles[role] = {"place": place, "wanted": rest.rpartition("|")[2]}
json.dump(roles, open(sys.argv[2], "w"))
PYTHON
printf '%s\n' "$openai" "$stripe" "$query" "$header" "$basic" >"$work/values"

python3 upstream.py "$work" >"$work/upstream.log" 2>&1 &
children+=($!)
"$SEALGATE" serve --dev --listen 127.0.0.1:0 --data-dir "$work/data" --extra-ca-file "$work/ca.pem" \
    >"$work/shown" 2>"$work/sealgate.log" &
children+=($!)
for _ in $(seq 300); do
    if [ -e "$work/ports.json" ] && grep -q X-Identity-Key "$work/shown"; then break; fi
    sleep 0.1
done
base="$(grep -o 'http://127.0.0.1:[0-9]*' "$work/shown" | head -n 1)" || fail "the server greets"
key="$(sed -n 's/^API key: *//p' "$work/shown")"
secret="$(sed -n 's/^User secret: *//p' "$work/shown")"
port() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/ports.json" "$1"; }

# Stored without any secret: sealing needs public keys alone.
while IFS= read -r line; do
    role="${line%%|*}" rest="${line#*|}"
    value="${rest%%|*}" rest="${rest#*|}"
    rest="${rest#*|}"
    place="${rest%%|*}" rest="${rest#*|}"
    template="${rest%|*}"
    printf '{"name":"%s","hostPattern":"localhost:%s","value":"%s",%s,"template":"%s"}' \
        "$role" "$(port "$role")" "$value" "$place" "$template" |
        curl -sS --fail-with-body -o "$work/made" "$base/v1/credentials" -H "X-Api-Key: $key" \
            -H 'Content-Type: application/json' --data-binary @- || fail "$(cat "$work/made")"
done <"$roles"

# client NAME ROLE REQUESTS COMMAND…: runs it with nothing in its environment but what is named.
client() {
    local name="$1" role="$2" requests="$3"
    shift 3
    local environment=(
        "PATH=$PATH" "HOME=$work" "SEALGATE=$base" "KEY=$key" "SECRET=$secret"
        "TARGET=https://localhost:$(port "$role")" "CONFIRMED=$work/confirmed" "PACKAGES=$work/packages"
    )
    if env -i "${environment[@]}" env | grep -qFf "$work/values"; then fail "$name holds a key"; fi
    env -i "${environment[@]}" timeout 60 "$@" >"$work/client.log" 2>&1 || fail "$name"
    python3 "$here/check.py" "$work" "$role" "$requests" || fail "$name"
    if grep -qFf "$work/values" "$work/client.log" "$work/sealgate.log"; then fail "$name: a key was shown"; fi
    printf '%-16s ok\n' "$name"
}

python() { client "$1, Python" "$2" "$3" "$work/venv/bin/python" "$here/python_clients.py" "$1"; }
node() { client "$1, Node" "$2" "$3" node "$here/node_clients.mjs" "$1"; }

python openai openai 2
python stripe stripe 2
python requests plain-query 2
python httpx plain-header 1
node openai openai 2
node stripe stripe 2
node nodeFetch plain-header 1
# shellcheck disable=SC2016 # its own environment, not ours
client curl plain-basic 1 bash -c 'curl -sS --fail -o /dev/null "$SEALGATE/" \
    -H "X-Api-Key: $KEY" -H "X-User-Secret: $SECRET" -H "X-Target-URL: $TARGET/items" -d body'
echo "8 clients: each with its credential, and nothing of ours"
