# Everything is built, run and tested from here; 'make help' lists the targets.

.DEFAULT_GOAL := help
SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DELETE_ON_ERROR:

# One place each: the version and the build tags stand in the manifest.
VERSION := $(shell sed -n 's/^  version: //p' builder-config.yaml)
TAGS    := $(shell sed -n 's/^  build_tags: //p' builder-config.yaml)

# The same flags everywhere, so that one build cache serves the binary, the
# tests, the linter and the benchmarks.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath -buildvcs=false

BIN      := $(CURDIR)/bin
TOOLS    := $(BIN)/tools
TOOLMOD  := internal/tools
SHAKEN   := $(CURDIR)/.cache/treeshake/go.mod
MODULES  := . $(TOOLMOD) benchmarks integration/stdout/go integration/sdks/go
FUZZTIME ?= 20s
COUNT    ?= 6
PROGRESS := $(TOOLS)/buildprogress
GOTEST   := $(TOOLS)/gotest

# The packages of the root module: pure logic and components, without the black-box tests.
UNIT = $$(go list ./... | grep -v -e /integration)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  %-12s %s\n", $$1, $$2 }'

# --- building -----------------------------------------------------------------

.PHONY: build
build: collector heartwood shop ## build bin/otelcol-heartwood, bin/heartwood and bin/shop

# Built without a profile it is ready sooner; a release has one, see there.
PGO ?= off

.PHONY: collector
collector: $(TOOLS)/ocb $(SHAKEN) $(PROGRESS) ## build bin/otelcol-heartwood from builder-config.yaml
	@$(TOOLS)/ocb --config builder-config.yaml --skip-get-modules --skip-compilation 2>/dev/null
	@cd distribution && $(PROGRESS) go build -pgo $(PGO) -modfile $(SHAKEN) -tags $(TAGS) -ldflags '-s -w' -o $(BIN)/otelcol-heartwood .

.PHONY: heartwood
heartwood: $(PROGRESS) ## build bin/heartwood, the command for people
	@$(PROGRESS) go build -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN)/heartwood ./cmd/heartwood

.PHONY: shop
shop: $(PROGRESS) ## build bin/shop, the example services
	@$(PROGRESS) go build -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN)/shop ./examples/shop

# API clients without the operations that nobody calls; see docs/performance.md.
$(SHAKEN): $(TOOLMOD)/treeshake/main.go $(TOOLMOD)/treeshake/packages.txt distribution/go.mod builder-config.yaml
	@go -C $(TOOLMOD) build -o $(TOOLS)/ ./treeshake
	@$(TOOLS)/treeshake -dir distribution -tags $(TAGS) -packages $(TOOLMOD)/treeshake/packages.txt -out $(@D) 2>$(BIN)/treeshake.log || { cat $(BIN)/treeshake.log; exit 1; }

$(PROGRESS): $(wildcard $(TOOLMOD)/buildprogress/*.go)
	@go -C $(TOOLMOD) build -o $@ ./buildprogress

$(GOTEST): $(wildcard $(TOOLMOD)/gotest/*.go)
	@go -C $(TOOLMOD) build -o $@ ./gotest

$(TOOLS)/ocb: $(TOOLMOD)/go.mod
	@go -C $(TOOLMOD) build -o $@ go.opentelemetry.io/collector/cmd/builder

$(TOOLS)/golangci-lint: $(TOOLMOD)/go.mod
	@go -C $(TOOLMOD) build -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# A real S3 server for the tests; nothing else needs it. Tests of several packages may
# build it at one time, and run what is there: hence the new name first.
$(TOOLS)/versitygw: $(TOOLMOD)/go.mod
	@go -C $(TOOLMOD) build -ldflags '-s -w' -o $@.$$$$ github.com/versity/versitygw/cmd/versitygw && mv $@.$$$$ $@

# The page of the viewer exporter is committed as it is built, so that a build of the
# binary needs no Node.
PAGE := exporters/viewerexporter/web

.PHONY: page
page: $(PAGE)/node_modules/.package-lock.json ## build and test the viewer's page, exporters/viewerexporter/web/dist (needs Node)
	@cd $(PAGE) && npm test --silent >node_modules/.test.log 2>&1 || { cat node_modules/.test.log; exit 1; }
	@cd $(PAGE) && npm run --silent build -- --logLevel warn

$(PAGE)/node_modules/.package-lock.json: $(PAGE)/package.json $(PAGE)/package-lock.json
	@cd $(PAGE) && npm ci --silent --no-audit --no-fund

# --- running ------------------------------------------------------------------

.PHONY: run
run: ## start the collector with the example shop and follow its records
	@sh $(TOOLMOD)/preflight.sh run
	@$(MAKE) --no-print-directory build
	@exec $(BIN)/heartwood quickstart

# What is laid over another file, as a second --config, is checked with that one.
OVER_GATEWAY := $(wildcard configs/destinations/*.yaml) configs/kafka-tier/gateway.yaml configs/parts/request-documents.yaml

.PHONY: validate
validate: collector heartwood ## check the configurations in configs/ and deploy/ with the built binary, and what they leak or lose
	@for config in configs/*.yaml $(OVER_GATEWAY:%="configs/gateway.yaml --config %") \
		"configs/agent.yaml --config configs/kafka-tier/agent.yaml" "configs/agent-kubernetes.yaml --config configs/kafka-tier/agent.yaml" \
		deploy/otelcol/heartwood.yaml "deploy/otelcol/heartwood.yaml --config deploy/otelcol/aws.yaml"; do \
		$(BIN)/otelcol-heartwood validate --config $$config || exit 1; \
		$(BIN)/heartwood lint --strict --config $$config >/dev/null || { $(BIN)/heartwood lint --strict --config $$config; exit 1; }; \
		echo "valid, nothing leaks: $$config"; \
	done

# --- testing ------------------------------------------------------------------

.PHONY: test
test: build $(GOTEST) ## unit tests and one end-to-end run of the binary
	@$(GOTEST) $(UNIT)
	@$(GOTEST) -count=1 -run '^TestEndToEnd' ./integration/...

.PHONY: test-all
test-all: build test-race integration test-modules ## everything: with the race detector, against real counterparts

.PHONY: test-race
test-race: $(GOTEST) ## unit tests with the race detector
	@CGO_ENABLED=1 $(GOTEST) -race $(UNIT)

.PHONY: integration
integration: build validate $(GOTEST) $(TOOLS)/versitygw ## black-box tests of the built binary
	@$(GOTEST) -count=1 -timeout 40m ./integration/...

# One of them: make soak SCENARIO=KilledInTurn; HEARTWOOD_SOAK_FOR=10m bounds those that last.
SCENARIO ?= .

.PHONY: soak
soak: build $(TOOLS)/versitygw ## hours of the whole pipeline's worst days (docs/reliability.md); SCENARIO=KilledInTurn for one
	@HEARTWOOD_SOAK=full go test -count=1 -v -p 1 -parallel 1 -timeout 6h -run '$(SCENARIO)' ./integration/soak

.PHONY: search-scale
search-scale: ## what a search reads of 1,000 archived objects of 10,000 records each
	@HEARTWOOD_SEARCH_OBJECTS=1000 go test ./internal/archiveaudit -count=1 -timeout 30m -v -run '^TestSearchReads$$'

.PHONY: test-aws
test-aws: build ## the archive's core test on Amazon S3: HEARTWOOD_AWS_BUCKET, _ACCOUNT and _REGION name the place
	@test -n "$${HEARTWOOD_AWS_BUCKET:-}" || { echo "set HEARTWOOD_AWS_BUCKET, HEARTWOOD_AWS_ACCOUNT and HEARTWOOD_AWS_REGION: what is written is locked for a day (GOVERNANCE)"; exit 1; }
	@go test -tags aws -count=1 -v -timeout 15m -run '^TestArchiveOnAWS$$' ./integration

.PHONY: stdout-programs
stdout-programs: ## install and build the programs that log with real libraries (integration/stdout)
	@for language in python node go java rust ruby; do sh integration/stdout/stdout.sh prepare $$language; done

.PHONY: sdk-programs
sdk-programs: ## install and build the programs that send with OpenTelemetry's SDKs (integration/sdks)
	@for language in python node go java rust browser; do sh integration/sdks/sdks.sh prepare $$language; done

.PHONY: kinesis-servers
kinesis-servers: ## install the servers that stand for Kinesis, and the example consumer's libraries
	@sh integration/kinesis/kinesis.sh prepare

.PHONY: s3-servers
s3-servers: $(TOOLS)/versitygw kinesis-servers ## build and install the servers that stand for S3; moto stands for Kinesis, too

.PHONY: screenshots
screenshots: build ## make docs/images anew, with Debian's prometheus and chromium; takes seven minutes
	@go test -tags screenshots -count=1 -timeout 15m -run '^Test(Viewer)?Screenshots$$' ./integration

.PHONY: test-modules
test-modules: $(GOTEST) ## tests of the tools and of the benchmarks' own code
	@cd $(TOOLMOD) && $(GOTEST) ./...
	@cd benchmarks && $(GOTEST) ./...

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (20s)
	@for package in $$(go list ./... ); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

# --- quality ------------------------------------------------------------------

.PHONY: fmt
fmt: $(TOOLS)/golangci-lint ## format all Go files
	@for module in $(MODULES); do (cd $$module && $(TOOLS)/golangci-lint fmt --config $(CURDIR)/.golangci.yml); done

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## run the linters over every module
	@for module in $(MODULES); do echo "lint $$module"; (cd $$module && $(TOOLS)/golangci-lint run --config $(CURDIR)/.golangci.yml ./...); done

.PHONY: generate
generate: $(TOOLS)/ocb ## run mdatagen for every component, write the dashboards, and run ocb with its module resolution
	go generate ./...
	@rm -f distribution/*.go
	@PATH="$(CURDIR)/$(TOOLMOD):$$PATH" $(TOOLS)/ocb --config builder-config.yaml --skip-compilation

.PHONY: generated
generated: generate ## fail when a generated file differs from what is committed
	@git diff --exit-code --stat -- . || { echo "generated files differ: run 'make generate' and commit the result"; exit 1; }

.PHONY: page-built
page-built: page ## fail when the viewer's page differs from what its sources make
	@test -z "$$(git status --porcelain -- $(PAGE)/dist)" || { git status --short -- $(PAGE)/dist; echo "the page is not what its sources make: run 'make page' and commit the result"; exit 1; }

.PHONY: check
check: lint generated page-built test-all ## what CI runs after 'make test'

.PHONY: vulncheck
vulncheck: ## look for known vulnerabilities (needs the open internet, so it is no part of check)
	go -C $(TOOLMOD) build -o $(TOOLS)/govulncheck golang.org/x/vuln/cmd/govulncheck
	$(TOOLS)/govulncheck ./...
	cd distribution && $(TOOLS)/govulncheck -tags $(TAGS) ./...

# --- measuring ----------------------------------------------------------------

.PHONY: bench
bench: bench-logfmt bench-receivers bench-folding bench-ecs bench-kinesis bench-archive bench-gateway ## the side-by-side measurements of docs/performance.md

.PHONY: bench-logfmt
bench-logfmt:
	@go -C $(TOOLMOD) build -o $(TOOLS)/benchstat golang.org/x/perf/cmd/benchstat
	go -C benchmarks test -run '^$$' -bench . -count $(COUNT) ./logfmt | tee .cache/bench-logfmt.txt
	$(TOOLS)/benchstat .cache/bench-logfmt.txt

.PHONY: bench-receivers
bench-receivers:
	go -C benchmarks run ./receivers

.PHONY: bench-folding
bench-folding:
	go -C benchmarks test -run '^$$' -bench . -benchtime 5000x -count $(COUNT) ./spool
	go test -run '^$$' -bench Fold -benchtime 500x -count $(COUNT) ./processors/eventfoldprocessor

.PHONY: bench-ecs
bench-ecs:
	@for round in $$(seq $(COUNT)); do go -C benchmarks test -run '^$$' -bench . -benchtime 100x ./ecs || exit 1; done

.PHONY: bench-archive
bench-archive:
	go -C benchmarks test -run '^$$' -bench . -benchtime 200x ./archive

.PHONY: bench-kinesis
bench-kinesis:
	go -C benchmarks run ./kinesis

.PHONY: bench-json
bench-json: collector ## all ratios of docs/performance.md from a fresh run, as JSON; JOBS=spool,ecs for some of them
	@go -C benchmarks run ./ratios -only "$(JOBS)"

.PHONY: bench-gateway
bench-gateway: collector
	go -C benchmarks run ./gateway

# --- releases -----------------------------------------------------------------

# What a busy gateway spends its time on, by which the compiler knows what to inline.
PROFILE := distribution/gateway.pgo

.PHONY: release
release: ## build bin/ as it is released: faster than by make build, and longer to compile
	@$(MAKE) --no-print-directory build PGO=$(CURDIR)/$(PROFILE)

.PHONY: profile
profile: collector ## write the profile that make release compiles with, from benchmarks/gateway
	go -C benchmarks run ./gateway -only plain,fold,fold-journal -count 1 -records 1600000 -profile $(CURDIR)/.cache/profile
	go tool pprof -proto .cache/profile/plain.pprof .cache/profile/fold.pprof .cache/profile/fold-journal.pprof >$(PROFILE)

# The Collector's release is what the manifest says of its otlp receiver (v0.x)
# and env provider (v1.x); a test fails when anything else differs.
BETA   := $(shell sed -n 's/.*otlpreceiver //p' builder-config.yaml)
STABLE := $(shell sed -n 's/.*envprovider //p' builder-config.yaml)

.PHONY: pin
pin: ## bring all modules to the Collector release that builder-config.yaml names
	@for module in $(MODULES); do (cd $$module && go mod edit -print \
		| awk '$$1 ~ /^(go.opentelemetry.io\/collector|github.com\/open-telemetry\/opentelemetry-collector-contrib)/ && $$2 ~ /^v/ && $$1 !~ /awskinesisexporter$$/ && (!/indirect/ || $$1 ~ /\/cmd\//) { print $$1 "@" ($$2 ~ /^v0/ ? "$(BETA)" : "$(STABLE)") }' \
		| xargs -r go get); done

.PHONY: sbom
sbom: collector $(TOOLS)/sbom ## write dist/otelcol-heartwood.cdx.json, what is in the binary (CycloneDX)
	@$(SBOM) -bom dist/otelcol-heartwood.cdx.json
	@echo dist/otelcol-heartwood.cdx.json

.PHONY: licences
licences: collector $(TOOLS)/sbom ## write dist/licences.csv, of every module in the binary; fails for one that is not on the list
	@$(SBOM) -licences dist/licences.csv
	@echo dist/licences.csv

SBOM = $(TOOLS)/sbom -binary $(BIN)/otelcol-heartwood -version $(VERSION) -sums distribution/go.sum -cache "$$(go env GOMODCACHE)"

$(TOOLS)/sbom: $(wildcard $(TOOLMOD)/sbom/*.go)
	@go -C $(TOOLMOD) build -o $@ ./sbom

.PHONY: clean
clean: ## remove what was built; downloaded modules and Go's build cache stay
	rm -rf bin .cache .run
