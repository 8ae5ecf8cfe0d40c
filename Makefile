# make help lists what can be made. Everything that is built goes to objs/.

GO         ?= go
COMMIT     ?= $(shell git describe --always --dirty 2>/dev/null || echo unknown)
TESTFLAGS  ?=
FUZZTIME   ?= 20s
SEEDS      ?= 10000
BENCHCOUNT ?= 6

# The linter's version is part of the project: another one finds other things.
LINT_VERSION := 2.13.1
LINT         := $(CURDIR)/objs/tools/golangci-lint-$(LINT_VERSION)

# The interop tests are a module of their own, so that their RTMP library stays out of srsd.
INTEROP := engine/interop

# So are the charts, for the library that draws.
CHARTS := bench/charts

.DEFAULT_GOAL := build
.PHONY: all build test unit interop peers race fuzz simulate bench guard guard-record compare charts lint fmt clean help

all: build

build: ## objs/srsd, and the other commands of cmd/ (the default)
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '-X main.commit=$(COMMIT)' -o objs/ ./cmd/...

test: peers build unit interop ## all tests; installs ffmpeg, OBS and other peers if it may

unit: ## the tests that need nothing but Go
	$(GO) test -shuffle=on $(TESTFLAGS) ./...
	cd $(CHARTS) && $(GO) test -shuffle=on $(TESTFLAGS) ./...

# The result of these tests depends on objs/srsd, which Go's test cache does not see: -count=1.
# Attacks measure how long others wait: -p 1, so that no encoder runs beside them.
interop: peers build ## objs/srsd against real encoders and players
	cd $(INTEROP) && SRSD_BIN=$(CURDIR)/objs/srsd SRSD_INTEROP_REQUIRED=1 \
		$(GO) test -count=1 -p 1 $(TESTFLAGS) ./...

# A command that needs two packages stands here twice.
peers:
	@.ci/need.sh ffmpeg:ffmpeg ffprobe:ffmpeg rtmpdump:rtmpdump tshark:tshark haproxy:haproxy ip:iproute2 mpv:mpv obs:obs-studio chromium:chromium Xvfb:xvfb \
		gst-launch-1.0:gstreamer1.0-tools gst-launch-1.0:gstreamer1.0-plugins-good \
		gst-launch-1.0:gstreamer1.0-plugins-bad cvlc:vlc-bin cvlc:vlc-plugin-base \
		/usr/sbin/nginx:nginx /usr/lib/nginx/modules/ngx_rtmp_module.so:libnginx-mod-rtmp

race: ## unit tests under the race detector (needs a C compiler)
	@.ci/need.sh gcc:gcc /usr/include/stdlib.h:libc6-dev
	$(GO) test -race $(TESTFLAGS) ./...

fuzz: ## each fuzz target for FUZZTIME (20s)
	@GO='$(GO)' .ci/fuzz.sh $(FUZZTIME)

simulate: ## SEEDS (10000) new lives of a simulated server; make unit lives the same 2,000 each time
	$(GO) test -count=1 -v -timeout 2h -run TestSimulation $(TESTFLAGS) ./engine/sim -sim.base=random -sim.count=$(SEEDS)

bench: ## micro-benchmarks, BENCHCOUNT (6) times, ready for benchstat
	$(GO) test -run '^$$' -bench . -benchmem -count $(BENCHCOUNT) ./...

# -o keeps the symbols, which valgrind needs; the rest fixes what instructions there are.
GUARD = GOAMD64=v1 CGO_ENABLED=0 $(GO) test -count=1 -timeout 5m $(TESTFLAGS) -o objs/guard.test ./bench/guard \
	-guard -srsd $(CURDIR)/objs/srsd

guard: build ## does it cost more than it did? counts, no times (about a minute)
	@.ci/need.sh strace:strace valgrind:valgrind
	$(GUARD)

guard-record: build ## write down what it costs now, for make guard
	@.ci/need.sh strace:strace valgrind:valgrind
	$(GUARD) -record

compare: build ## measure srsd beside other servers, an hour: COMPAREFLAGS='--srs PATH ...'
	$(GO) run ./bench/compare $(COMPAREFLAGS)

charts: ## charts of bench/results/*.csv, and their tables on the standard output
	cd $(CHARTS) && $(GO) test . >&2 && $(GO) run . -results ../results

lint: $(LINT) ## golangci-lint, and whether the go.mod files are tidy
	$(LINT) run
	cd $(INTEROP) && $(LINT) run
	cd $(CHARTS) && $(LINT) run
	$(GO) mod tidy -diff
	cd $(INTEROP) && $(GO) mod tidy -diff
	cd $(CHARTS) && $(GO) mod tidy -diff

fmt: $(LINT) ## format all Go files
	$(LINT) fmt
	cd $(INTEROP) && $(LINT) fmt
	cd $(CHARTS) && $(LINT) fmt

# One of the right version that is installed already, or built from source.
$(LINT):
	@mkdir -p $(@D)
	@if golangci-lint version 2>/dev/null | grep -qwF 'version $(LINT_VERSION)'; then \
		ln -sf "$$(command -v golangci-lint)" $@; \
	else \
		echo 'building golangci-lint $(LINT_VERSION), which takes a few minutes once'; \
		GOBIN=$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(LINT_VERSION) && \
		mv $(@D)/golangci-lint $@; \
	fi

clean: ## remove what was built (objs/)
	rm -rf objs

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22
