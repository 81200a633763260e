"""Reads what the upstream has seen since the last check: `check.py WORK ROLE REQUESTS`."""

import json
import pathlib
import sys

work, role, wanted = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
log = work / "seen.jsonl"
seen = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
log.unlink(missing_ok=True)
for request in seen:
    if request["role"] != role or request["faults"]:
        sys.exit(f"the upstream {request['role']} saw {request['path']}: {request['faults']}")
if len(seen) < wanted:
    sys.exit(f"the upstream saw {len(seen)} requests instead of {wanted}")
