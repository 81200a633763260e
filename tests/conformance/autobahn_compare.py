"""Compares the reports of the Autobahn suite: every case through the proxy as it is directly.

Takes the directory with one report for each way. Fails when a case differs in its verdict, in that of
its closing or in the close code, and when one was run in one way only. The suite passes a case as OK or
as NON-STRICT; where a case offers both, which one it is depends on how much of what came before an error
the echo server had sent back by then, so here they count as one.
"""

import collections
import json
import pathlib
import sys

COMPARED = ("behavior", "behaviorClose", "remoteCloseCode")


def report(way):
    index = pathlib.Path(sys.argv[1], way, "index.json")
    cases = json.loads(index.read_text())[way]
    return {case: [found[name] for name in COMPARED] for case, found in cases.items()}


def same(found, other):
    passes = {"OK", "NON-STRICT"}
    return found[1:] == other[1:] and (found[0] == other[0] or {found[0], other[0]} <= passes)


direct = report("direct")
differing = 0
for door in ("explicit", "base-url"):
    through = report(door)
    if not direct or through.keys() != direct.keys():
        sys.exit(f"{door}: {len(through)} cases, directly {len(direct)}")
    for case, found in sorted(through.items()):
        if not same(found, direct[case]):
            differing += 1
            print(f"{case} {door}: {found}, directly {direct[case]}")
verdicts = collections.Counter(found[0] for found in direct.values())
shown = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
print(f"{len(direct)} cases through two doors: {differing} differ; directly {shown}")
for case, found in sorted(direct.items()):
    if found[0] == "FAILED":
        print(f"{case} fails directly, which is the echo server's affair")
sys.exit(differing > 0)
