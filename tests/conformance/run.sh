#!/usr/bin/env bash
# Both conformance runs side by side: the one mostly computes, the other mostly waits.
set -euo pipefail
cd "$(dirname "$0")"

./autobahn.sh &
autobahn=$!
failed=0
./schemathesis.sh || failed=1
wait "$autobahn" || failed=1
exit "$failed"
