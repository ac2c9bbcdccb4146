# cordboard. `make run` and `make test` do all the set-up they need; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# hraban/opus wants libopusfile without this tag.
export GOFLAGS := -tags=nolibopusfile -buildvcs=false
export PATH := $(CURDIR)/.bin:$(PATH)

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X main.version=$(VERSION)
GO_FILES := $(shell git ls-files -co --exclude-standard '*.go' go.mod go.sum 2>/dev/null)
WEB_FILES := $(shell git ls-files -co --exclude-standard web 2>/dev/null | grep -v '^web/dist')
# Asked for when a recipe needs them. An npm package may bring Go files along: they are not ours.
PACKAGES = $$(go list ./... | grep -v /node_modules/)
UNIT = $$(go list ./... | grep -v -e /node_modules/ -e /e2e)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

.PHONY: run
run: build ## build all and start a demo call centre on this machine
	bin/cordboard demo

.PHONY: build
build: bin/cordboard ## the binary with the desktop in it

bin/cordboard: $(GO_FILES) web/dist/app/index.html
	scripts/setup.sh build
	go build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/cordboard

web/node_modules/.installed: web/package.json web/package-lock.json
	scripts/setup.sh build
	cd web && npm ci --no-audit --no-fund --loglevel=error
	touch $@

web/dist/app/index.html: web/node_modules/.installed $(WEB_FILES)
	cd web && npm run --silent build
	touch $@

.PHONY: check
check: web/dist/app/index.html ## formatting, vet, staticcheck, unit tests, web types and lint
	scripts/setup.sh build tools
	@out=$$(gofumpt -l $$(git ls-files -co --exclude-standard '*.go')); [ -z "$$out" ] || { echo "gofumpt -w these files:"; echo "$$out"; exit 1; }
	go vet $(PACKAGES)
	staticcheck -tags nolibopusfile $(PACKAGES)
	go test -short $(UNIT)
	cd web && npm run --silent check && npm run --silent test

# What make test found, for make requirements.
RESULTS := .results
.PHONY: test
test: bin/cordboard ## everything CI runs: unit tests with the race detector and the whole call with real peers
	scripts/setup.sh build peers
	mkdir -p $(RESULTS)
	cd web && npm run --silent check && npm run --silent test -- --reporter=default --reporter=json --outputFile.json=../$(RESULTS)/web.json
	go vet $(PACKAGES)
	go run ./internal/testlog $(RESULTS)/unit.json -race -timeout 15m -- $(UNIT)
	go run ./internal/testlog $(RESULTS)/e2e.json -timeout 15m -count=1 -- ./e2e

FAULT_RESULTS := $(CURDIR)/bench/results/fault
.PHONY: fault
fault: web/dist/app/index.html ## the slow suite of recording: kills, full, slow and broken disks, stores that fail (about an hour; FAULT_KILLS=n kills, store away for FAULT_DOWN=10m); writes bench/results/fault
	scripts/setup.sh build peers
	FAULT_DIR=$(FAULT_RESULTS) FAULT_COMMAND='make fault' go test -count=1 -timeout 60m -run 'TestDisk|TestStore|TestProve' ./recorder ./recorder/proof
	FAULT_DIR=$(FAULT_RESULTS) FAULT_COMMAND='make fault' go test -count=1 -timeout 60m -run 'TestRecordKilled|TestRecordStoreRefused' ./e2e

.PHONY: bench
bench: bin/cordboard ## load and delay beside Janus and rtpengine; writes bench/results (quiet machine, about 12 minutes)
	bench/run.sh

.PHONY: pause
pause: ## 100 random timings of each kind of pause, with a scan of files, objects, events and memory (about half an hour)
	scripts/setup.sh build peers
	PAUSE_RUNS=$${PAUSE_RUNS:-100} go test -timeout 3h -count=1 -parallel $${PAUSE_ROOMS:-8} -run 'TestPause(Matrix|Killed)' ./e2e

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (default 30s) each
	scripts/setup.sh build
	scripts/fuzz.sh $${FUZZTIME:-30s}

# Debian's python3-torch, python3-scipy, python3-soundfile and gcc. CORPUS is a folder as docs/denoise.md has it.
PYTHON ?= /usr/bin/python3
STEPS ?= 200000
.PHONY: denoise-pool
denoise-pool: ## make the voices and noises that the noise suppressor is trained on: CORPUS=dir POOL=dir
	cd denoise/train && OMP_NUM_THREADS=1 DENOISE_CACHE=$(POOL) $(PYTHON) pool.py --corpus $(CORPUS) --pool $(POOL)

.PHONY: denoise-train
denoise-train: ## train the noise suppressor: POOL=dir RUN=dir [STEPS=n] [RECIPE=flags]; goes on where it was stopped
	cd denoise/train && OMP_NUM_THREADS=1 $(PYTHON) test_fused.py
	cd denoise/train && OMP_NUM_THREADS=1 $(PYTHON) train.py --pool $(POOL) --run $(RUN) --steps $(STEPS) $(RECIPE)

.PHONY: denoise-eval
denoise-eval: ## score what was trained on voices and noises it never heard: CORPUS=dir SPEECH=dir RUN=dir [OUTSIDE=dir] [SET=final]
	cd denoise/train && OMP_NUM_THREADS=1 $(PYTHON) evaluate.py --corpus $(CORPUS) --speech $(SPEECH) --set $(or $(SET),look) $(if $(OUTSIDE),--outside $(OUTSIDE)) $(RUN)/checkpoint.npz

.PHONY: denoise-export
denoise-export: ## make the embedded weights and the golden vectors of what was trained: RUN=dir
	cd denoise/train && OMP_NUM_THREADS=1 $(PYTHON) export.py $(RUN)/checkpoint.npz ../weights.bin ../testdata

.PHONY: denoise-soak
denoise-soak: ## an hour of speech and noise through one stream: no drift of level or state
	go test ./denoise -run TestNoDrift -count=1 -denoise.soak=1h

.PHONY: requirements
requirements: bin/cordboard ## which test proves which requirement, by the results of make test, or running what they lack; writes docs/requirements.md, fails when one is missing
	scripts/setup.sh build peers
	go run ./internal/requirements -results $(RESULTS)

SEQUENCES ?= 100000
.PHONY: model
model: ## the desk in SEQUENCES random sequences (default 100000); writes bench/results/model
	mkdir -p bench/results/model
	CORDBOARD_SEQUENCES=$(SEQUENCES) CORDBOARD_MODEL_JSON=$(CURDIR)/bench/results/model/model.json go test ./desk/floor -count=1 -run 'TestModel$$' -v -timeout 4h

KILLS ?= 500
.PHONY: kill
kill: ## kill a process with the desk in it KILLS times (default 500), and crash between any two writes; writes bench/results/model
	mkdir -p bench/results/model
	CORDBOARD_KILLS=$(KILLS) CORDBOARD_KILL_JSON=$(CURDIR)/bench/results/model/kill.json go test ./desk -count=1 -run 'TestKilledProcess|TestCrashBetween' -v -timeout 4h

.PHONY: generate
generate: ## the TypeScript types from signaling/wire, and the clients from the OpenAPI document
	go generate $(PACKAGES)

.PHONY: clean
clean: ## remove what was built
	rm -rf bin $(RESULTS) web/dist/app web/node_modules
