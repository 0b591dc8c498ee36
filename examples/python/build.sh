#!/bin/sh
# Makes vip-mapper.wasm of app.py, with componentize-py in a virtual environment of this folder.
set -eu
cd "$(dirname "$0")"
if [ ! -x .venv/bin/componentize-py ]; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --requirement requirements.txt
fi
# Without --stub-wasi the component would import files and sockets, which a mapper may not have.
exec .venv/bin/componentize-py --wit-path ../../wit --world mapper-component componentize app --stub-wasi --output vip-mapper.wasm
