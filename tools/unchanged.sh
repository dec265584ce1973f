#!/usr/bin/env bash
# unchanged.sh PATH,… COMMAND…: runs the command, and fails, with the difference, when it changes one of the paths.
set -euo pipefail
IFS=, read -ra paths <<<"$1"
shift
before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
cp -r --parents "${paths[@]}" "$before"
"$@"
changed=0
for path in "${paths[@]}"; do
  diff -ru "$before/$path" "$path" || changed=1
done
((changed == 0)) || echo "Stale: run \`$*\` and commit what it writes."
exit "$changed"
