# Wattscan. `make help` lists the targets.

BIN := .venv/bin
# Prints the first that runs and that the lock is for: a name alone may be a shim that does not.
IS_SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
first_python = $(shell for python in $(1); do \
	$$python -c '$(2)' 2> /dev/null && command -v $$python && break; done)
# What .venv was set up with, unless another is asked for.
ifndef PYTHON
PYTHON := $(call first_python,$(BIN)/python python3.11 python3.12 python3.13 python3.14 python3,$(IS_SUPPORTED))
endif
PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null)
VENV_VERSION := $(shell sed -n 's/^version = \([0-9]*\.[0-9]*\).*/\1/p' .venv/pyvenv.cfg 2> /dev/null)
BOARD_PYTHON ?= $(call first_python,python3.10,import sys; sys.exit(sys.version_info[:2] != (3, 10)))
TFLITE_PYTHON ?= $(call first_python,python3.11 python3.10,import sys; sys.exit(sys.version_info[:2] not in ((3, 10), (3, 11))))
# A container may set it; then every process that a test starts would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE
READY := .venv/.ready
TRAIN_READY := .venv/.ready-train
PROTOS := $(wildcard protos/wattscan/wire/*.proto)
EXTRAS := openvino onnxruntime litert dicom collector load meters otel pandas quantize dev
BOARD_EXTRAS := litert dicom
BOARD := build/board
TFLITE := build/tflite-runtime
STUBS_READY := build/stubs/.ready
WHEELS := build/wheels
WHEEL_READY := build/wheel-environment/.ready
LOCK = $(BIN)/uv pip compile pyproject.toml --universal --fork-strategy fewest --upgrade \
	--generate-hashes --no-emit-index-url --no-header --quiet
BENCHMARK_READY := build/benchmark/.ready
CLIENTS := triton tensorflow lowest
PEERS := pytriton kserve mlserver
TASKS := $(subst _,-,$(patsubst services/wattscan/tasks/%/recipe.toml,%,$(wildcard services/wattscan/tasks/*/recipe.toml)))
PEER_PACKAGES := nginx-light haproxy caddy curl nodejs npm
PEER_PROGRAMS := nginx haproxy caddy curl node npm
PEER_CLIENTS := build/clients/peers/.ready build/clients/triton/.ready build/clients/node/.ready
# Node.js may be here from elsewhere, and Debian's would not go beside it.
CONTAINER_CHECKS := images containers checkov operator
SYSTEM_PACKAGES := prometheus victoria-metrics chromium dcmtk faketime mosquitto nghttp2-client umockdev
BENCH ?=
BASE ?=
HEAD ?=
CHECK_ENERGY ?=
PYTEST ?=
RUNS ?= 50
SERVING ?= --write
LOADGEN ?=
TELEMETRY ?=
COLLECT ?=
VERIFY ?=
VERIFY_PYTHON ?= python3
CONTAINER_PACKAGES = podman runc catatonit netavark aardvark-dns iptables debootstrap openssl curl gcc libc6-dev \
	prometheus victoria-metrics $(shell command -v npm > /dev/null || echo nodejs npm)
IMAGES ?=
IMAGE ?=
SITE ?=
FUZZ_SECONDS ?= 60
FUZZ_READY := .venv/.ready-fuzz

.DEFAULT_GOAL := help
.PHONY: help setup setup-train setup-board run check-energy test test-slow test-all test-concurrency test-boards test-real-models test-peers test-tflite-runtime check format lint types layers \
	generated generate models models-notice benchmark-models benchmark-serving benchmark-telemetry \
	benchmark-containers container-packages container-images container-checks test-containers sbom site-secrets agent-macos edge-tpu-delegate \
	benchmark-batching benchmark-loadgen benchmark-collect benchmark-scrape simulate \
	$(TASKS:%=models-%) clients $(CLIENTS:%=clients-%) verify-nvidia fuzz lock system-packages peer-packages \
	wheel wheel-environment clean FORCE

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Make the environment: .venv, with .venv/bin/wattscan

run: $(READY) ## The main job: measure this machine (quick profile) and print the energy table
	$(BIN)/wattscan bench --target cpu --run-profile quick $(BENCH)

check-energy: $(READY) ## Did energy, latency or quality get worse since BASE=REV? (13 minutes a task; CHECK_ENERGY='--task NAME')
	@test -n "$(BASE)" || { echo "Name the revision to compare with: make check-energy BASE=main"; exit 1; }
	$(BIN)/python -m wattscan.bench.check_energy --base "$(BASE)" $(if $(HEAD),--head "$(HEAD)") $(CHECK_ENERGY)

# In the order of the folders: what takes longest is at the front, and small files fill the end.
BY_FILE := --dist loadfile --no-loadscope-reorder
# Two more than there are processors, up to 6: many tests wait for a process that they have started.
WORKERS := $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$(( n < 4 ? n + 2 : 6 )))
SLOW_WORKERS := $(shell echo $$(( $(WORKERS) - 1 )))

test: $(READY) ## Run the tests for daily work: all but the slow ones, side by side (PYTEST='-k name' for some)
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) $(BY_FILE) $(PYTEST)

test-slow: $(READY) ## Run the slow tests side by side, and then those that measure (30 minutes)
	$(BIN)/python -m pytest -m "slow and not alone" -n $(SLOW_WORKERS) $(BY_FILE) $(PYTEST)
	$(BIN)/python -m pytest -m "slow and alone" $(PYTEST)

test-all: ## Run all tests, those of the containers too
	$(MAKE) test
	$(MAKE) test-slow
	$(MAKE) test-containers

test-concurrency: $(READY) ## Run the tests about threads 50 times, with all cores loaded (RUNS=50)
	$(BIN)/python tests/repeat_under_load.py --runs $(RUNS) -- $(PYTEST)

test-peers: $(READY) $(PEER_CLIENTS) ## The server with real proxies and clients of other makers (before a release; 6 minutes)
	$(BIN)/python -m pytest tests/peers --no-skips $(PYTEST)

test-real-models: $(READY) build/real-models/.ready ## Models of other makers, from the file to the table (10 minutes)
	$(BIN)/python -m pytest tests/real $(PYTEST)

# They are read out of the wheels; nothing is installed. MediaPipe's later releases carry none.
build/real-models/.ready:
	@echo "Fetching two packages that carry models: 50 MB."
	@mkdir -p $(@D)
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
		--platform manylinux_2_28_x86_64 --platform any --python-version 3.11 -d $(@D) \
		rapidocr-onnxruntime==1.4.4 mediapipe==0.10.21
	@touch $@

build/clients/operator/.ready: tests/clients/operator/package-lock.json
	@echo "Setting up the Prometheus operator's types: under a minute."
	@mkdir -p $(@D)
	@cp $(<D)/package.json $(<D)/package-lock.json $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

peer-packages:
	@for program in $(PEER_PROGRAMS); do command -v $$program > /dev/null || missing=1; done; \
	if [ -n "$$missing" ]; then \
		echo "Installing $(PEER_PACKAGES)."; $(MAKE) system-packages SYSTEM_PACKAGES="$(PEER_PACKAGES)"; fi

test-tflite-runtime: ## The backend litert with tflite-runtime 2.14 (skipped without Python 3.10 or 3.11)
ifeq ($(TFLITE_PYTHON),)
	@echo "Skipped: there is no python3.10 or python3.11 here" \
		"(make test-tflite-runtime TFLITE_PYTHON=/path/to/python3.11)."
else
	$(MAKE) $(TFLITE)/.ready
	$(TFLITE)/bin/python -m pytest -k litert tests/contract/test_backends.py \
		tests/contract/test_files_that_change.py $(PYTEST)
endif

test-boards: ## The service alone on Python 3.10, as boards run it (skipped where there is none)
ifeq ($(BOARD_PYTHON),)
	@echo "Skipped: there is no python3.10 here (make test-boards BOARD_PYTHON=/path/to/python3.10)."
else
	$(MAKE) $(READY) setup-board
	$(BIN)/python -m pytest tests/e2e/test_boards.py $(PYTEST)
endif

check: $(READY) lint types layers generated ## Format, lint, types, layers and generated files

format: $(READY) ## Put the code into form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(READY) ## Format and lint, checked
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY) ## Types, strictly; those of the tests in their bodies
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini
	@for fixtures in $(wildcard tests/*/conftest.py tests/unit/*/conftest.py); do \
		$(BIN)/mypy --config-file tests/mypy.ini --no-error-summary $$fixtures || exit 1; done

layers: $(READY) ## Who imports whom
	$(BIN)/lint-imports --no-cache

generated: $(READY) $(STUBS_READY) ## Generated files are what would be made
	$(BIN)/python docs/generate.py --check

generate: $(READY) $(STUBS_READY) ## Make the stubs and the generated documentation anew
	$(BIN)/python docs/generate.py

setup-train: $(TRAIN_READY) ## Add what training needs (PyTorch and the exporters, about 1.5 GB)

setup-board: $(BOARD)/.ready ## What a board installs, on Python 3.10: the service, LiteRT, DICOM

models: $(TASKS:%=models-%) ## Rebuild all models (1.5 hours; `make -j2 models`: side by side)
	$(BIN)/wattscan models check

$(TASKS:%=models-%): models-%: $(TRAIN_READY) | models-notice
	$(BIN)/wattscan models train --task $*
	$(BIN)/wattscan models quantize --task $*
	$(BIN)/wattscan models export --task $*

models-notice:
	@echo "Rebuilding the models of: $(TASKS)."
	@echo "Each task trains on one thread: about an hour and a half in all on one core, and" \
		"less than an hour with make -j2 models. An interrupted fit goes on where it was."

benchmark-models: $(BENCHMARK_READY) ## FP32 and INT8 in every engine, and what auto takes (with a full ResNet-50)
	$(BIN)/wattscan models tune --models models
	$(BIN)/wattscan models benchmark --models models --models build/benchmark/models

benchmark-serving: $(READY) $(PEERS:%=build/benchmark/peers/%/.ready) ## This server beside a bare session and other servers (an hour)
	@command -v h2load > /dev/null || { \
		echo "h2load is not installed; installing nghttp2-client."; \
		$(MAKE) system-packages SYSTEM_PACKAGES=nghttp2-client; }
	$(BIN)/python -m loadtest.serving $(SERVING)

benchmark-batching: $(READY) ## What it saves to compute waiting images together (4 minutes)
	$(BIN)/wattscan models tune
	$(BIN)/python tests/benchmark/batching.py $(BATCHING)

benchmark-loadgen: $(READY) build/clients/loadgen/.ready ## Our load generator beside MLPerf's LoadGen (45 minutes; leave the machine alone)
	PYTHONPATH=. $(BIN)/python tests/benchmark/loadgen.py --python build/clients/loadgen/bin/python $(LOADGEN)

benchmark-telemetry: $(READY) ## The error of each class of power source, and what sampling costs
	$(BIN)/python -m wattscan.bench.telemetry --write docs/telemetry-benchmark.md $(TELEMETRY)

# Needs no .venv and no network: Python 3.11 or later (or 3.10 with tomli) with numpy, nvidia-ml-py
# and, for the load on the GPU, PyTorch. Of the repository it needs all but models/*-fp32 (23 MB without them).
verify-nvidia: ## Verify an NVIDIA GPU's sensors, on a bare machine with PyTorch (3 minutes; VERIFY_PYTHON=python3)
	PYTHONPATH=services $(VERIFY_PYTHON) -m wattscan.telemetry verify --target nvidia $(VERIFY)

container-packages: ## Install what builds and runs the images here: podman, debootstrap ... (root)
	$(MAKE) system-packages SYSTEM_PACKAGES="$(CONTAINER_PACKAGES)"

container-images: $(READY) ## Build the images with podman, on a base made here (IMAGES='cpu collector'; 8 minutes)
	$(BIN)/python tests/containers/build_images.py $(IMAGES)

container-checks: $(CONTAINER_CHECKS:%=build/clients/%/.ready) ## What checks images and manifests, each in its own environment

test-containers: $(READY) container-checks container-images ## The images run, and the manifests checked
	$(BIN)/python -m pytest tests/containers $(PYTEST)

benchmark-containers: $(READY) ## What the images weigh, how soon they are ready, what memory they take (2 minutes)
	$(BIN)/python tests/benchmark/containers.py

sbom: build/clients/images/.ready ## Write an image's bill of materials (IMAGE=wattscan/cpu:0.1.0)
	@test -n "$(IMAGE)" || { echo "Name the image: make sbom IMAGE=wattscan/cpu:0.1.0"; exit 1; }
	build/clients/images/bin/python docker/sbom.py --image "$(IMAGE)"

site-secrets: ## Make TLS certificates and tokens for a site (SITE='edge1.example 192.0.2.7', its names)
	docker/site-secrets $(SITE)

agent-macos: $(READY) ## On a Mac: the service as a launchd agent, since containers see neither GPU nor sensors
	docker/macos/agent install

edge-tpu-delegate: ## Fetch the Edge TPU's libedgetpu.so.1, and check its digest
	docker/edge-tpu-delegate

simulate: $(READY) ## Whether the printed intervals hold the truth, over 2,000 made-up runs
	$(BIN)/python tests/benchmark/simulate.py $(SIMULATE)

benchmark-collect: $(READY) ## How long `wattscan collect` takes from a day in Prometheus
	$(BIN)/python tests/benchmark/collect.py $(COLLECT)

benchmark-scrape: $(READY) ## The CPU time of one scrape of the metrics page (10 s)
	$(BIN)/python tests/benchmark/scrape.py $(SCRAPE)

clients: $(CLIENTS:%=clients-%) ## The stock clients that tests use, each in its own environment (1.8 GB)

$(CLIENTS:%=clients-%): clients-%: build/clients/%/.ready

fuzz: $(FUZZ_READY) ## Fuzz the decoders and the protocols (FUZZ_SECONDS=60 each)
	PYTHONPATH=tests:tests/unit/serving $(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS)

system-packages: ## Install the Debian packages that some tests need (root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(SYSTEM_PACKAGES)

wheel: $(WHEELS)/.ready ## Build the two wheels, wattscan and wattscan-models, in build/wheels/

wheel-environment: $(WHEEL_READY) ## An environment with nothing but the two wheels and what they need; tests use it

lock: $(READY) ## Resolve the dependencies anew, and print which versions changed
	@test "$(PYTHON_VERSION)" = 3.11 || { echo "The training set is resolved for Python 3.11 alone," \
		"and .venv has $(PYTHON_VERSION): make lock PYTHON=/path/to/python3.11"; exit 1; }
	$(BIN)/pip install --quiet uv
	$(LOCK) --python-version 3.11 $(EXTRAS:%=--extra %) -o requirements.txt
	$(LOCK) --python-version 3.10 $(BOARD_EXTRAS:%=--extra %) -o requirements-board.txt
	$(LOCK) --python-version 3.10 tests/tflite-runtime.in -o requirements-tflite-runtime.txt
	$(BIN)/python docs/lock_train.py
	$(BIN)/python docs/lock_images.py
	$(BIN)/python docs/lock_changes.py

clean: ## Remove the environment and all that was made, runs and checkpoints too
	rm -rf .venv .cache build runs .hypothesis .pytest_cache .mypy_cache .ruff_cache

$(WHEELS)/.ready: pyproject.toml setup.py README.md $(READY) $(shell find services models loadtest -type f \
		! -name '*.pyc' ! -path '*.egg-info/*')
	@rm -rf $(WHEELS) build/lib build/bdist.*
	@mkdir -p $(WHEELS)/models
	@cp services/wattscan-models/pyproject.toml LICENSE $(WHEELS)/models
	@cp -r models $(WHEELS)/models/wattscan_models
	@echo '"""The models that Wattscan measures by default."""' > $(WHEELS)/models/wattscan_models/__init__.py
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--wheel-dir $(WHEELS) . $(WHEELS)/models
	@rm -rf $(WHEELS)/models build/lib build/bdist.*
	@ls -sh $(WHEELS)/*.whl
	@touch $@

# The versions are the lock's, without their hashes: pip takes hashes for all that it installs, or for none.
$(WHEEL_READY): $(WHEELS)/.ready
	@echo "Setting up $(@D) from the wheels: one to three minutes."
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@sed -n 's/^\([A-Za-z0-9._-]*==[^ ;\]*\)\(.*\)\\$$/\1\2/p' requirements.txt > $(@D)/constraints.txt
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -c $(@D)/constraints.txt \
		"$$(ls $(WHEELS)/wattscan-*.whl)[server,load,collector]" $(WHEELS)/wattscan_models-*.whl
	@touch $@

# Another Python than the one in .venv: set up anew.
ifneq ($(PYTHON_VERSION),$(VENV_VERSION))
$(READY): FORCE
endif

$(READY): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "There is no Python from 3.11 to 3.14 here. Debian and Ubuntu:" \
		"apt-get install python3; elsewhere: make setup PYTHON=/path/to/python3.13"; exit 1; }
	@$(PYTHON) -c '$(IS_SUPPORTED)' || { \
		echo "Wattscan is set up with Python 3.11 to 3.14, and $(PYTHON) is not one of them" \
			"($(or $(PYTHON_VERSION),it does not run)): make setup PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv with Python $(PYTHON_VERSION): about 100 packages, 1 GB;" \
		"one to three minutes."
	@test "$(PYTHON_VERSION)" != 3.14 || echo "Wattscan is tested with Python 3.11 to 3.13," \
		"not with 3.14."
	@test "$(PYTHON_VERSION)" = "$(VENV_VERSION)" || rm -rf .venv
	@$(PYTHON) -m venv .venv || { \
		echo "Debian keeps venv in a package of its own; installing python$(PYTHON_VERSION)-venv."; \
		rm -rf .venv; apt-get update -qq && apt-get install -y -qq python$(PYTHON_VERSION)-venv \
		&& $(PYTHON) -m venv .venv; }
	@$(BIN)/python docs/install.py --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation -e .
	@$(BIN)/python docs/left_out.py $(EXTRAS)
	@touch $@
	@echo "Ready: $(BIN)/wattscan."

# From a wheel, as a board gets it. Its pins are its own: Python 3.10 ends where newer releases begin.
$(TFLITE)/.ready: requirements-tflite-runtime.txt pyproject.toml $(READY) $(shell find services -name '*.py')
	@echo "Setting up $(TFLITE) with $(TFLITE_PYTHON): under a minute."
	@test -x $(TFLITE)/bin/python || $(TFLITE_PYTHON) -m venv $(TFLITE)
	$(TFLITE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements-tflite-runtime.txt
	@rm -rf $(TFLITE)/wheel build/lib build/bdist.*
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--wheel-dir $(TFLITE)/wheel .
	$(TFLITE)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--force-reinstall $(TFLITE)/wheel/*.whl
	@touch $@

$(BOARD)/.ready: requirements-board.txt pyproject.toml $(READY) $(shell find services -name '*.py')
	@test -n "$(BOARD_PYTHON)" || { echo "There is no python3.10 here:" \
		"make setup-board BOARD_PYTHON=/path/to/python3.10"; exit 1; }
	@echo "Setting up $(BOARD) with $(BOARD_PYTHON): under a minute."
	@test -x $(BOARD)/bin/python || $(BOARD_PYTHON) -m venv $(BOARD)
	$(BOARD)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements-board.txt
	@rm -rf $(BOARD)/wheel build/lib build/bdist.*
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--wheel-dir $(BOARD)/wheel .
	$(BOARD)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--force-reinstall $(BOARD)/wheel/*.whl
	@touch $@

# Speed does not depend on what was learnt: a full ResNet-50 that has seen a minute's training.
$(BENCHMARK_READY): $(TRAIN_READY)
	@echo "Building a full ResNet-50 to time, once: about five minutes."
	$(BIN)/wattscan models train --quick --task chest-xray --network resnet50 --work build/benchmark
	$(BIN)/wattscan models quantize --quick --task chest-xray --work build/benchmark
	$(BIN)/wattscan models export --task chest-xray --work build/benchmark \
		--models build/benchmark/models
	@touch $@

build/clients/node/.ready: tests/peers/clients/package-lock.json | peer-packages
	@echo "Setting up the clients of Node.js: under a minute."
	@mkdir -p $(@D)
	@cp $(<D)/package.json $(<D)/package-lock.json $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

build/clients/%/.ready: tests/clients/requirements-%.txt
	@echo "Setting up clients of other makers ($*): up to two minutes."
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps -r $<
	@touch $@

# A peer that cannot be had is listed as not run.
build/benchmark/peers/%/.ready: loadtest/serving/peers/requirements-%.txt
	@echo "Setting up $*: up to three minutes."
	@$(PYTHON) -m venv $(@D) \
		&& $(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $< && touch $@ \
		|| echo "$* cannot be set up with Python $(PYTHON_VERSION): it is listed as not run."

$(STUBS_READY): docs/requirements-stubs.txt
	@echo "Setting up the protobuf compiler: under a minute."
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

$(FUZZ_READY): $(READY) tests/fuzz/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/fuzz/requirements.txt
	@touch $@

$(TRAIN_READY): $(READY) requirements-train.txt
	@test "$(PYTHON_VERSION)" = 3.11 || { echo "Training is pinned for Python 3.11 alone, and .venv" \
		"has $(PYTHON_VERSION): make setup-train PYTHON=/path/to/python3.11"; exit 1; }
	@$(BIN)/python docs/install.py -r requirements-train.txt
	@touch $@
