#!/usr/bin/env bash
# Runs every fuzz target for some seconds (default 60) from its committed seeds, two (or FUZZ_JOBS) at a
# time. Ends with an error when any target finds something; the input is then in artifacts/.
set -euo pipefail
cd "$(dirname "$0")"
seconds="${1:-60}"

cargo fuzz build -s none
host="$(rustc -vV | sed -n 's/^host: //p')"
binaries="${CARGO_TARGET_DIR:-target}/$host/release"
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT

# run_target NAME: new inputs go to corpus/, which is not committed.
run_target() {
    mkdir -p "corpus/$1" "artifacts/$1" "seeds/$1"
    if ! "$binaries/$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
        -dict=sealgate.dict -artifact_prefix="artifacts/$1/" -print_final_stats=1 \
        "corpus/$1" "seeds/$1" >"$logs/$1" 2>&1; then
        tail -n 30 "$logs/$1"
        echo "FOUND   $1"
        return 1
    fi
    runs="$(sed -n 's/^stat::number_of_executed_units: //p' "$logs/$1")"
    echo "nothing $1 (${runs:-no} runs)"
}
export -f run_target
export seconds binaries logs

cargo fuzz list | xargs -P "${FUZZ_JOBS:-2}" -I{} bash -c 'run_target {}'
