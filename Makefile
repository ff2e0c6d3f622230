# The front door: everything here only delegates, to meson and to scripts/.

BUILD  ?= build
PREFIX ?= /usr/local

.PHONY: all run test spec-coverage install check-format tidy warnings sanitize cross bench guests \
	boards boards-readme fuzz proofs size amalgamation clean

all:
	@scripts/build $(BUILD) || { scripts/deps --check build; exit 1; }

run:
	@scripts/deps build run
	@scripts/build $(BUILD)
	@BUILD=$(BUILD) scripts/run

test:
	@scripts/deps build test
	@scripts/build $(BUILD)
	@scripts/run-tests $(BUILD)

spec-coverage: test
	@scripts/spec-coverage $(BUILD)

install: all
	@meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX))
	@scripts/build $(BUILD)
	@DESTDIR=$(abspath $(DESTDIR)) meson install -C $(BUILD) --no-rebuild --quiet

check-format tidy warnings sanitize cross guests boards fuzz proofs:
	@BUILD=$(BUILD) scripts/check/$(@:check-%=%)

size:
	@scripts/check/size --write

boards-readme:
	@BUILD=$(BUILD) scripts/check/boards --readme

amalgamation:
	@scripts/amalgamation $(BUILD)/amalgamation

bench: all
	@$(BUILD)/vq bench ring
	@$(BUILD)/vq bench blk

clean:
	rm -rf $(BUILD)
