#!/usr/bin/env bash
# Unmodified git through the base-URL door: clones, pushes, and fetches what another clone pushed.
#
# Its token goes as the password of a Basic header, then as Bearer. The first push is larger than
# git's buffer (1 MiB), so it travels in chunks.
set -euo pipefail

export GIT_TERMINAL_PROMPT=0 GIT_CONFIG_COUNT=3
export GIT_CONFIG_KEY_1=user.name GIT_CONFIG_VALUE_1=tester
export GIT_CONFIG_KEY_2=user.email GIT_CONFIG_VALUE_2=tester@example.com
# Not in an argument list, where the whole machine could read it.
export GIT_CONFIG_KEY_0=http.extraHeader GIT_CONFIG_VALUE_0
pair="$(printf 'git:%s' "$KEY" | base64 -w 0)"
basic="Authorization: Basic $pair" bearer="Authorization: Bearer $KEY"

# commit CLONE FILE: all of it.
commit() { git -C "$1" add "$2" && git -C "$1" commit --quiet --message "$2"; }

cd "$HOME"
GIT_CONFIG_VALUE_0="$basic"
git clone --quiet "$BASE/repo.git" one
git -C one checkout --quiet -B main
head -c 3000000 /dev/urandom >one/large
commit one large
git -C one push --quiet origin main

GIT_CONFIG_VALUE_0="$bearer"
git clone --quiet "$BASE/repo.git" two
cmp one/large two/large
echo small >two/small
commit two small
git -C two push --quiet origin main

git -C one fetch --quiet origin
test "$(git -C one rev-parse origin/main)" = "$(git -C two rev-parse HEAD)"
