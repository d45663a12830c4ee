# Builds the handler, checks it, and sends the samples through it. Needs volley and volleyd in the PATH.
set -eu
cd "$(dirname "$0")"
cmake -B build
cmake --build build
if command -v volley-plugin-check >/dev/null; then volley-plugin-check build/ship.so; fi
rm -rf build/test
mkdir build/test
cp volley.yml order.schema.json build/test
mkdir build/test/build
cp build/ship.so build/test/build
cd build/test
volley send orders --file ../../samples.ndjson
VOLLEY_LISTEN=127.0.0.1:0 volleyd --config volley.yml --exit-when-idle
test "$(volley peek shipments --count)" -gt 0
echo "passed"
