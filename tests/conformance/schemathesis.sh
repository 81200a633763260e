#!/usr/bin/env bash
# Calls made up from the server's own OpenAPI document, and every answer held against it.
#
# Installs schemathesis at a pinned version into a directory that goes away, starts a server in
# development mode on a fresh data directory, and calls it as an admin, as a user, as root and as
# nobody. The calls are the same every time. SEALGATE names a binary that is built already. EXAMPLES
# scales the number of calls; with PHASES=coverage,fuzzing the others call as much as the admin.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=common.sh
. ./common.sh
examples="${EXAMPLES:-4}"

need python3:python3
python schemathesis==4.32.5
# shellcheck disable=SC2119 # its arguments are the server's
serve

org="$(call "$key" /v1/users/me | field orgId)"
user_key="$(call "$key" "/admin/orgs/$org/users" -d '{"name": "user"}' | field apiKey)"
call "$user_key" /v1/keys/generate -X POST -H "X-User-Secret: $secret" >/dev/null
call "$key" /openapi.json >"$work/openapi.json"

# as NAME [ARGUMENT…]: one run. What the document cannot say stands in hooks.py.
as() {
    local name="$1"
    shift
    (cd "$work" && SCHEMATHESIS_HOOKS=hooks PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here/schemathesis" \
        timeout 600 "$work/venv/bin/schemathesis" --no-color --config-file "$here/schemathesis/schemathesis.toml" \
        run "$work/openapi.json" --url "$base" --seed 1 --max-examples "$examples" \
        --generation-database none --suppress-health-check all --warnings off "$@") \
        >"$work/$name.log" 2>&1 || fail "as $name" "$work/$name.log"
    printf '%-24s %s\n' "$name" "$(grep -A 1 '^Test cases:' "$work/$name.log" | tail -n 1 | xargs)"
}
brief=(--phases "${PHASES:-fuzzing}")
# A rekey that is accepted changes the secret that every later call is made with.
rekey=(--exclude-operation-id rekey)

as admin -H "X-Api-Key: $key" -H "X-User-Secret: $secret" "${rekey[@]}"
as user -H "X-Api-Key: $user_key" -H "X-User-Secret: $secret" "${rekey[@]}" "${brief[@]}"
as root -H "X-Api-Key: $root" -H "X-User-Secret: $secret" "${brief[@]}"
as nobody "${brief[@]}"
as "user, rekey" -H "X-Api-Key: $user_key" -H "X-User-Secret: $secret" \
    --include-operation-id rekey --phases coverage,fuzzing
