#!/usr/bin/env bash
# Real clients, unmodified, through the proxy: each calls its API without holding that API's key.
#
# Installs the clients at pinned versions into a directory that goes away, starts a TLS upstream
# (upstream.py) and a server in development mode, and stores the upstream's keys as credentials.
# A client passes when the upstream saw exactly its credential and nothing of ours. Each goes by the
# explicit door with an API key, and by the base-URL door with an access token as the key that it was
# made for. SEALGATE names a binary that is built already.
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
mkdir "$work/home" "$work/packages" "$work/confirmed"
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
# role NAME VALUE PLACE JSON TEMPLATE ARRIVING: an upstream and its credential. PLACE is named as it
# arrives, JSON as the API asks for it. Those that end in -token are reached by the base-URL door.
roles="$work/roles"
role() {
    (IFS='|' && printf '%s\n' "$*") >>"$roles"
    printf '%s\n' "$2" >>"$work/values"
}
basic() { printf %s "$1" | base64 -w 0; }
authorization=(authorization '"header":"Authorization"')
for door in "" -token; do
    openai="sk-$(random)" stripe="sk_live_$(random)" query="q+/ $(random)" header="h-$(random)"
    pair="tester:$(random)"
    role "openai$door" "$openai" "${authorization[@]}" 'Bearer {{secret}}' "Bearer $openai"
    role "stripe$door" "$stripe" "${authorization[@]}" 'Bearer {{secret}}' "Bearer $stripe"
    role "plain-query$door" "$query" '?api_key' '"queryParameter":"api_key"' '{{secret}}' "$query"
    role "plain-header$door" "$header" x-api-key '"header":"X-Api-Key"' '{{secret}}' "$header"
    role "plain-basic$door" "$pair" "${authorization[@]}" 'Basic {{secret|base64}}' "Basic $(basic "$pair")"
done
pair="git:$(random)"
role git-token "$pair" "${authorization[@]}" 'Basic {{secret|base64}}' "Basic $(basic "$pair")"
python3 - "$roles" "$work/roles.json" <<'PYTHON'
import json, sys
roles = {}
for line in open(sys.argv[1]):
    # A template may hold a bar of its own.
    role, value, place, _, rest = line.rstrip("\n").split("|", 4)
    roles[role] = {"place": place, "wanted": rest.rpartition("|")[2]}
json.dump(roles, open(sys.argv[2], "w"))
PYTHON

mkdir "$work/repositories"
git init --quiet --bare --initial-branch=main "$work/repositories/repo.git"

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

passphrase="$(random)"
printf '%s\n' "$key" "$secret" "$passphrase" >"$work/own"
cp "$work/own" "$work/ours"

# call PATH [HEADER…]: posts what stands on standard input; the answer is in $work/made.
call() {
    local address="$base$1" headers=()
    shift
    for header in "X-Api-Key: $key" 'Content-Type: application/json' "$@"; do headers+=(-H "$header"); done
    curl -sS --fail-with-body -o "$work/made" "$address" "${headers[@]}" --data-binary @- ||
        fail "$(cat "$work/made")"
}
made() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/made" "$1"; }

# For the explicit door nothing but public keys is needed. What a token is to open has a passphrase.
declare -A tokens
while IFS= read -r line; do
    role="${line%%|*}" rest="${line#*|}"
    value="${rest%%|*}" rest="${rest#*|}"
    rest="${rest#*|}"
    place="${rest%%|*}" rest="${rest#*|}"
    template="${rest%|*}"
    headers=()
    if [[ $role == *-token ]]; then headers=("X-Proxy-Master-Key: $passphrase"); fi
    call /v1/credentials "${headers[@]}" < <(
        printf '{"name":"%s","hostPattern":"localhost:%s","value":"%s",%s,"template":"%s"}' \
            "$role" "$(port "$role")" "$value" "$place" "$template"
    )
    if [[ $role == *-token ]]; then
        call /v1/tokens "${headers[@]}" < <(printf '{"ttlSeconds":600,"credentials":["%s"]}' "$(made credentialId)")
        tokens[$role]="$(made token)"
        printf '%s\n' "${tokens[$role]}" >>"$work/ours"
    fi
done <"$roles"

# client NAME ROLE REQUESTS COMMAND…: runs it with nothing in its environment but what is named. A
# client with a token has nothing else of the user's either.
client() {
    local name="$1" role="$2" requests="$3" absent=(-f "$work/values") environment
    shift 3
    environment=("PATH=$PATH" "HOME=$work/home" "CONFIRMED=$work/confirmed" "PACKAGES=$work/packages")
    if [[ $role == *-token ]]; then
        environment+=("BASE=$base/to/localhost:$(port "$role")" "KEY=${tokens[$role]}")
        absent+=(-f "$work/own")
    else
        environment+=("BASE=$base" "KEY=$key" "SECRET=$secret" "TARGET=https://localhost:$(port "$role")")
    fi
    if env -i "${environment[@]}" env | grep -qF "${absent[@]}"; then fail "$name holds a key"; fi
    env -i "${environment[@]}" timeout 60 "$@" >"$work/client.log" 2>&1 || fail "$name"
    python3 "$here/check.py" "$work" "$role" "$requests" || fail "$name"
    if grep -qFf "$work/values" "$work/client.log" "$work/sealgate.log"; then fail "$name: a key was shown"; fi
    if grep -qFf "$work/ours" "$work/sealgate.log"; then fail "$name: a secret of ours was logged"; fi
    passed=$((passed + 1))
    printf '%-24s ok\n' "$name"
}

python() { client "$1, Python$4" "$2" "$3" "$work/venv/bin/python" "$here/python_clients.py" "$1"; }
node() { client "$1, Node$4" "$2" "$3" node "$here/node_clients.mjs" "$1"; }

passed=0
for door in "" -token; do
    at="${door:+, by token}"
    python openai "openai$door" 2 "$at"
    python stripe "stripe$door" 2 "$at"
    python requests "plain-query$door" 2 "$at"
    python httpx "plain-header$door" 1 "$at"
    node openai "openai$door" 2 "$at"
    node stripe "stripe$door" 2 "$at"
    node nodeFetch "plain-header$door" 1 "$at"
done
# shellcheck disable=SC2016 # their own environment, not ours
{
    client curl plain-basic 1 bash -c 'curl -sS --fail -o /dev/null "$BASE/" \
        -H "X-Api-Key: $KEY" -H "X-User-Secret: $SECRET" -H "X-Target-URL: $TARGET/items" -d body'
    client "curl, by token" plain-basic-token 1 bash -c 'curl -sS --fail -o /dev/null "$BASE/items" \
        -H "Authorization: Bearer $KEY" -d body'
    # As Stripe's own examples for curl do.
    client "stripe, curl, by token" stripe-token 1 bash -c 'curl -sS --fail -o /dev/null \
        "$BASE/v1/customers" -u "$KEY:" -d email=b@example.com'
}
client "git, by token" git-token 8 "$here/git_client.sh"
echo "$passed clients: each with its credential, and nothing of ours"
