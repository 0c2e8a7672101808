# Everything installs into .venv/ from the hashed lock files in requirements/; nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/bootstrap/bin/uv
SOURCES := shared infra functions tests

# What Python compiles is kept, also where its default is otherwise: commands and tests start a thousand processes.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install native native-arm64 demo test faults crash check build lock clean
help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/bootstrap/.done: requirements/uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Tidegate needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo missing). Install one, or name it: make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV)/ (only the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PYTHON) -m venv $(VENV)/bootstrap
	@$(VENV)/bootstrap/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	@touch $@

$(VENV)/.done: requirements/all.lock pyproject.toml $(VENV)/bootstrap/.done
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/all.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/ministack/.done: requirements/ministack.lock $(VENV)/bootstrap/.done
	@$(PYTHON) -m venv --without-pip $(VENV)/ministack
	@$(UV) pip sync --quiet --python $(VENV)/ministack/bin/python --require-hashes requirements/ministack.lock
	@touch $@

# The deployment tools pin much of what they share with us, so they live beside, not in, the environment of the package.
$(VENV)/sam/.done: requirements/sam.lock $(VENV)/bootstrap/.done
	@$(PYTHON) -m venv --without-pip $(VENV)/sam
	@$(UV) pip sync --quiet --python $(VENV)/sam/bin/python --require-hashes requirements/sam.lock
	@touch $@

$(VENV)/checkov/.done: requirements/checkov.lock $(VENV)/bootstrap/.done
	@$(PYTHON) -m venv --without-pip $(VENV)/checkov
	@$(UV) pip sync --quiet --python $(VENV)/checkov/bin/python --require-hashes requirements/checkov.lock
	@touch $@

$(VENV)/audit/.done: requirements/audit.lock $(VENV)/bootstrap/.done
	@$(PYTHON) -m venv --without-pip $(VENV)/audit
	@$(UV) pip sync --quiet --python $(VENV)/audit/bin/python --require-hashes requirements/audit.lock
	@touch $@

# zig brings its own C library for every machine, so it compiles also where there is no compiler, and for Lambda's arm64.
$(VENV)/zig/.done: requirements/zig.lock $(VENV)/bootstrap/.done
	@$(PYTHON) -m venv --without-pip $(VENV)/zig
	@$(UV) pip sync --quiet --python $(VENV)/zig/bin/python --require-hashes requirements/zig.lock
	@touch $@

NATIVE := shared/tidegate/native
ZIG_CC := ZIG_GLOBAL_CACHE_DIR=$(CURDIR)/$(VENV)/zig/cache ZIG_LOCAL_CACHE_DIR=$(CURDIR)/$(VENV)/zig/cache $(VENV)/zig/bin/python -m ziglang cc
COMPILER := $(firstword $(foreach name,cc gcc clang,$(shell command -v $(name))))
ifeq ($(COMPILER),)
  COMPILER := $(ZIG_CC)
  COMPILER_NEEDS := $(VENV)/zig/.done
endif
C_FLAGS := -std=c11 -O3 -s -fPIC -shared -fvisibility=hidden -Wall -Wextra -Wpedantic

$(NATIVE)/libtranscode.so: $(wildcard $(NATIVE)/*.c $(NATIVE)/*.h) $(COMPILER_NEEDS)
	@$(COMPILER) $(C_FLAGS) -o $@ $(NATIVE)/transcode.c

# The C library of Lambda's Amazon Linux 2023 is 2.34; what is built for an older one runs there too.
native-arm64: $(VENV)/zig/.done
	@test -n "$(LIBRARY)" || { echo "LIBRARY is not set; name the file to make." >&2; exit 1; }
	@$(ZIG_CC) -target aarch64-linux-gnu.2.26 $(C_FLAGS) -o "$(LIBRARY)" $(NATIVE)/transcode.c

LIBRARY ?=
native: $(NATIVE)/libtranscode.so  ## the native library, with the compiler at hand or with zig
	@$(if $(LIBRARY),cp $< "$(LIBRARY)",true)

install: $(VENV)/.done $(VENV)/ministack/.done $(NATIVE)/libtranscode.so  ## the package, its tools and the embedded AWS, into .venv/

demo: install  ## sample records in, files out, twice, on an AWS inside this machine
	@$(BIN)/tidegate local demo

.PHONY: demo-delivery
demo-delivery: install  ## one export to another bucket, by SFTP and by e-mail, twice, on an AWS inside this machine
	@$(BIN)/tidegate local demo --delivery

.PHONY: bench
bench: install  ## what an export costs, next to other tools (QUICK=1: under 3 minutes, FULL=1: an hour)
	@PYTHONPATH=tests $(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(FULL),--full)

# One more than processors: some tests wait for something to happen by itself.
PROCESSES := $(shell expr $$(nproc) + 1)

test: install $(VENV)/sam/.done  ## every test
	@$(BIN)/python -m pytest -n $(PROCESSES) --maxprocesses 4

FULL ?=
faults: install  ## crashes, races, bad calls, bad input on purpose, and what was survived (FULL=1: all of them)
	@FULL=$(FULL) $(BIN)/python -m pytest -q -p no:randomly $(if $(FULL),-o timeout=0) tests/faults


AT ?=
crash: install  ## one crash point of docs/faults.md alone: make crash AT="the tick:12:died after"
	@PYTHONPATH=tests $(BIN)/python -m faults.crash $(if $(AT),"$(AT)")

check: install $(VENV)/sam/.done $(VENV)/checkov/.done $(VENV)/audit/.done  ## formatting, lint, types, imports, template, vulnerabilities
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	for function in functions/*/app.py; do $(BIN)/mypy $$function || exit 1; done
	$(BIN)/lint-imports
	$(BIN)/cfn-lint -t template.yaml infra/observability.yaml
	$(VENV)/checkov/bin/checkov --config-file infra/checkov.yaml
	$(BIN)/python infra/audit.py $(VENV)/audit/bin/pip-audit requirements/uv.lock requirements/all.lock

build: install $(VENV)/sam/.done  ## the functions' packages for arm64, as `sam deploy` takes them
	SAM_CLI_TELEMETRY=0 $(VENV)/sam/bin/sam build

LOCK := pip compile --quiet --generate-hashes --python-version 3.11 --no-emit-index-url --no-annotate --custom-compile-command 'make lock'
COMPILE := $(LOCK) --universal
# For Lambda's machines alone, so that no line depends on the machine that builds.
PACKED := $(LOCK) --python-platform aarch64-manylinux_2_28
UPGRADE ?=
lock: $(VENV)/bootstrap/.done  ## resolve requirements/*.lock anew (UPGRADE=--upgrade for newer versions)
	echo 'uv==0.13.9' | $(UV) $(COMPILE) - -o requirements/uv.lock
	echo 'boto3==1.44.5' | $(UV) $(COMPILE) $(UPGRADE) - -o requirements/bench-boto3.lock
	echo 'awswrangler==3.17.1' | $(UV) $(COMPILE) $(UPGRADE) - -o requirements/bench-awswrangler.lock
	printf 'dlt==1.31.0\nboto3==1.44.5\n' | $(UV) $(COMPILE) $(UPGRADE) - -o requirements/bench-dlt.lock
	echo 'aiodynamo[aiohttp]==26.4' | $(UV) $(COMPILE) $(UPGRADE) - -o requirements/bench-aiodynamo.lock
	printf 'pyarrow==26.0.1\nboto3==1.44.5\n' | $(UV) $(COMPILE) $(UPGRADE) - -o requirements/bench-pyarrow.lock
	echo 'pydynox==1.8.0' | $(UV) $(COMPILE) $(UPGRADE) - -o requirements/bench-pydynox.lock
	$(UV) $(COMPILE) $(UPGRADE) pyproject.toml --all-extras -o requirements/all.lock
	for f in intake worker tick; do $(UV) $(PACKED) pyproject.toml --extra $$f -c requirements/all.lock -o requirements/$$f.lock; done
	echo 'ministack[full]==1.5.33' | $(UV) $(COMPILE) - -o requirements/ministack.lock
	echo 'aws-sam-cli==1.170.0' | $(UV) $(COMPILE) $(UPGRADE) - -o requirements/sam.lock
	echo 'ziglang==0.17.1' | $(UV) $(COMPILE) $(UPGRADE) - -o requirements/zig.lock
	echo 'checkov==3.3.30' | $(UV) $(COMPILE) $(UPGRADE) - -o requirements/checkov.lock
	echo 'pip-audit==2.10.1' | $(UV) $(COMPILE) $(UPGRADE) - -o requirements/audit.lock

clean:  ## remove what was installed and built
	rm -f $(NATIVE)/*.so
	rm -rf $(VENV) .bench .aws-sam .tidegate .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
