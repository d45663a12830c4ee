# Builds the connector, checks it, and moves messages through it. Needs volleyd in the PATH.
set -eu
cd "$(dirname "$0")"
@build@
if command -v volley-plugin-check >/dev/null; then
    for plugin in @plugins@/*.so; do @check@ "$plugin"; done
fi
rm -f out.txt
VOLLEY_LISTEN=127.0.0.1:0 volleyd --config volley.yml --exit-when-idle
cmp in.txt out.txt
echo "passed"
