# Every command sets up what it needs. `make` alone lists them.

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
# A number of runs, some seconds' worth: with a time, go test now and then reports its own deadline as a failure.
FUZZTIME    ?= 15000x
BENCHTIME   ?= 1s
ROUNDS      ?= 7
LAMBDA      := CGO_ENABLED=0 GOOS=linux go build -trimpath -tags lambda.norpc -ldflags '-s -w'
NOT_TESTED  := $(CURDIR)/.cache/not-tested
# The race detector needs a C compiler.
RACE        := $(shell command -v "$$(go env CC)" >/dev/null 2>&1 && echo -race)

# Where `make key` and its like find the keys: in a deployed stack, or with KEYS in a file.
STACK       ?= millrace
KEYS_AT     := $(if $(KEYS),-keys '$(KEYS)',-stack '$(STACK)')

.PHONY: help run test fuzz replay build bench bench-parts cost check deploy key keys key-disable key-enable key-delete build-Function

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: ## the endpoint on 127.0.0.1:4567 over the embedded store (ARGS="-memory ..." for flags)
	go run ./functions/local $(ARGS)

test: ## every test, and each fuzzer for a few seconds
	@test -n "$(RACE)" || echo "WARNING: no C compiler, so the tests run without the race detector"
	@rm -f $(NOT_TESTED) && mkdir -p $(dir $(NOT_TESTED))
	MILLRACE_NOT_TESTED=$(NOT_TESTED) go test -timeout 30m $(RACE) ./...
	@$(MAKE) --no-print-directory fuzz
	@test ! -s $(NOT_TESTED) || { echo; echo "WARNING: NOT TESTED, because this machine lacks something:"; sort $(NOT_TESTED); }

fuzz: # one package and one fuzzer at a time: `go test -fuzz` takes no more
	@set -e; for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' pkg functions | xargs -n1 dirname | sort -u); do \
		for fuzzer in $$(grep -h '^func Fuzz' $$dir/*_test.go | sed -E 's/func (Fuzz[A-Za-z0-9_]*).*/\1/' | sort -u); do \
			go test -run '^$$' -fuzz "^$$fuzzer\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x ./$$dir; \
		done; \
	done

replay: ## sends every file in events/ through the handler and prints what it answers
	go run ./functions/local replay events/*.json

build: ## bin/: the Lambda's bootstrap for arm64 and amd64, and the local binary
	GOARCH=arm64 $(LAMBDA) -o bin/linux-arm64/bootstrap ./functions/api
	GOARCH=amd64 $(LAMBDA) -o bin/linux-amd64/bootstrap ./functions/api
	go build -trimpath -o bin/millrace ./functions/local

bench: ## what requests cost, beside what others take in the same run; ROUNDS=15 for a steadier figure
	go test -run '^$$' -bench . -benchtime $(ROUNDS)x -timeout 1h ./functions/bench

bench-parts: # the benchmarks of single packages
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) $$(go list ./... | grep -v /bench$$)

cost: ## what records cost in DynamoDB, and a month beside Kinesis (ARGS="-poll 1s" for another consumer)
	@go run ./pkg/dynamostore/cost $(ARGS)

check: ## format, vet, static analysis, known vulnerabilities
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt these: $$unformatted"; exit 1; }
	go mod tidy -diff
	go vet ./...
	go run $(STATICCHECK) ./...
	@out=$$(go run $(GOVULNCHECK) ./... 2>&1) && echo "$$out" || case "$$out" in \
		*"fetching vulnerabilities"*) echo "WARNING: the vulnerability database cannot be reached, so it was not consulted" ;; \
		*) echo "$$out"; exit 1 ;; esac

deploy: ## sam build and deploy
	sam build
	sam deploy --guided

key: ## a new access key: NAME=checkout [STREAMS='orders*'] [ACTIONS='Put*'], in [STACK=millrace] or [KEYS=FILE]
	@go run ./functions/local key create $(KEYS_AT) -name '$(NAME)' $(if $(STREAMS),-streams '$(STREAMS)') $(if $(ACTIONS),-actions '$(ACTIONS)')

keys: ## lists the access keys
	@go run ./functions/local key list $(KEYS_AT)

key-disable: ## disables an access key: ID=MR...
	@go run ./functions/local key disable $(KEYS_AT) '$(ID)'

key-enable: ## enables it again
	@go run ./functions/local key enable $(KEYS_AT) '$(ID)'

key-delete: ## deletes it
	@go run ./functions/local key delete $(KEYS_AT) '$(ID)'

# sam build calls this (BuildMethod: makefile) for the resource named Function.
build-Function:
	GOARCH=arm64 $(LAMBDA) -o "$(ARTIFACTS_DIR)/bootstrap" ./functions/api
