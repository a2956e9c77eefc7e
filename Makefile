# Every command a person needs. The services of `up` are a real Apache Kafka and PostgreSQL under target/local.
.DEFAULT_GOAL := help
SHELL := /bin/bash

LOCAL := target/local
KAFKA_PORT ?= 19092
POSTGRES_PORT ?= 15432
SECONDS ?= 600
SEED ?= 7
EVENTS ?= 1000000
KILL_EVERY ?= 5s

.PHONY: help run test lint bench faults soak roll fuzz image test-image up down run-distributed fmt

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

run: ## Everything in one process on SQLite; prints the address
	cargo run --release --locked --bin rejoinder -- dev

test: ## Start Kafka and PostgreSQL for the tests where they can be had, and run every test
	tests/run

lint: ## Formatting, clippy, shell scripts, schemas
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	tests/lint

fmt: ## Format the code
	cargo fmt --all

bench: ## Measure speed and memory, as ratios within one run
	tests/bench/run

faults: ## Break a real deployment in every way, and check its promises: SEED=7, CELL=name for some cells only
	tests/faults/run matrix --seed $(SEED) $(if $(CELL),--cell $(CELL))

soak: ## EVENTS=1000000 through Kafka while a worker is killed KILL_EVERY=5s, then the audit
	tests/faults/run soak --seed $(SEED) --events $(EVENTS) --kill-every $(KILL_EVERY)

roll: ## Replace every replica under load, scale 1 to 4 to 2, and print how long comments waited
	tests/faults/run roll

fuzz: ## Fuzz every parser of outside input; TARGET=name for one, SECONDS=600 for each
	tests/fuzz --seconds $(SECONDS) $(TARGET)

image: ## Build the container image, target/image/rejoinder.tar, without a daemon
	deploy/image/build

test-image: ## Build it, look into it, and run every worker from it; as root
	tests/image

up: ## Start a single-node Kafka and a PostgreSQL of our own, without containers
	KAFKA_PORT=$(KAFKA_PORT) POSTGRES_PORT=$(POSTGRES_PORT) deploy/local/up

down: ## Stop them; the data stays until `deploy/local/down --purge`
	deploy/local/down

run-distributed: up ## Each worker a process of its own, on the services of `up`
	cargo build --release --locked --bin rejoinder
	KAFKA_PORT=$(KAFKA_PORT) POSTGRES_PORT=$(POSTGRES_PORT) deploy/local/run
