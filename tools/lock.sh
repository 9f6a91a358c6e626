#!/bin/sh
# Writes the lock files from pyproject.toml: exact versions with hashes, and no address of any registry.
set -e
common="--quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --no-annotate"
.venv/bin/pip-compile $common --output-file locks/run.txt pyproject.toml locks/build.in
.venv/bin/pip-compile $common --extra dev --output-file locks/dev.txt pyproject.toml locks/build.in
# The development set and Spark, so that the two cannot disagree.
.venv/bin/pip-compile $common --extra dev --extra spark --output-file locks/spark.txt pyproject.toml locks/build.in
.venv/bin/pip-compile $common --extra bench --output-file locks/bench.txt pyproject.toml locks/build.in
.venv/bin/pip-compile $common --output-file locks/bench-build.txt locks/bench-build.in
