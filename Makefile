# sealtap: build, run, demonstrate, test. `make help` lists what there is. Debian 12; all that is needed is make itself and root or sudo.
#
# Variables: TLS=mbedtls builds build/init with Mbed TLS instead of BearSSL. V=1 shows commands.
# CACHE=DIR holds what outlives a checkout; SOURCES=DIR has the third-party sources (offline).

V ?=
CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/sealtap
SOURCES ?=
JOBS ?= 2
TLS ?= bearssl
PCAPS ?= ../shared/pcaps
export V CACHE SOURCES JOBS BOOT_KEYS SIGN_KEY SIGN_CERT SIGN_MODULE SIGN_BOARDS
export PATH := $(PATH):$(CACHE)/bin

MAKEFLAGS += --no-print-directory --no-builtin-rules $(if $(filter 0,$(MAKELEVEL)),-j$(JOBS))
.SUFFIXES:
.DELETE_ON_ERROR:
Q := $(if $(V),,@)
STEP := @image/step
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

help:
	@echo 'make demo      set up what is needed, build the appliance, boot it in QEMU and show it working (first time: some 15 minutes)'
	@echo 'make test      set up what is needed, build, and run all tests'
	@echo 'make test-long the tests that kill, with KILLS=200 kills each and CUTS=50 power cuts; FRAMES=1000000 mutated frames'
	@echo 'make test-san  the tests of the roles in namespaces once more, all of them, under ASan and UBSan'
	@echo 'make test-radosgw  the same S3 requests to Ceph'\''s radosgw, a stricter judge (60 MB of Debian packages)'
	@echo 'make run       boot the built appliance in QEMU with its console on this terminal (power off: Ctrl-A X)'
	@echo 'make build     all that ships: build/{init,sealtap,nitro,qemu};  make install  sealtap and its manual (DESTDIR, PREFIX)'
	@echo 'make unit      build and run the unit tests;  make unit-san  builds them with sanitizers in build/san/tests'
	@echo 'make reproduce all that ships a second time, kernel included, elsewhere and otherwise: each byte must be the same'
	@echo 'make deploy    STACK=NAME PARAMETERS="K=V ...": the stack on AWS;  make undeploy  keeps the evidence (board/nitro/README.md)'
	@echo 'make aws-smoke [AMI=ID]: all of it once on AWS, below a dollar, removed after; build/nitro/smoke.json'
	@echo 'make replay    PCAPS=DIR: send every frame of the captures there through the recorder and compare'
	@echo 'make bench     each figure against what people use today [GROUP=] (40 GB of disk, 2 hours);  make bench-quick  3 minutes'
	@echo 'make fuzz      SECONDS=N [TARGET=NAME]: libFuzzer on each reader of foreign bytes, or NAME alone, for N seconds (60)'
	@echo 'make lint      formatting, layers, sizes, banned calls;  make analyze  clang-tidy, cppcheck;  make compile_commands.json'
	@echo 'make deps      Debian packages, third-party sources, toolchain, in $$CACHE ($(CACHE));  make clean  build/ alone'
	@echo 'make ami       an AMI of the release image [KMS_KEY= COPY_TO= SHARE= ...];  make ami-clean [KEEP=1]  removes'
	@echo 'make update    give the running appliance the AMI made last, or AMI=ID;  make replace  makes a new instance in its place'
	@echo 'make bypass    WHY="…" [NAT=ID]: traffic flows past the appliance, unrecorded;  make unbypass  ends it'
	@echo 'make build     SIGN_KEY= SIGN_CERT= [BOOT_KEYS=DIR]: signed for Secure Boot (README.md; image/sign, image/enroll)'
	@echo 'Variables: TLS=mbedtls (TLS 1.3 too) in build/init; V=1 shows commands, CACHE=DIR, SOURCES=DIR builds offline from there'

# ---- what the user types; each goes through its steps in order

deps: ; @image/deps

demo:
	@image/deps
	$(STEP) 'build' $(MAKE) build/init build/sealtap build/qemu/manifest.json
	@tests/demo/run

test:
	@image/deps
	$(STEP) 'build' $(MAKE) build tests
	@tests/run

test-long:
	@image/deps
	$(STEP) 'build' $(MAKE) build/init build/sealtap build/qemu/manifest.json
	@FRAMES=$(or $(FRAMES),1000000) tests/run net -k frames_test
	@KILLS=$(or $(KILLS),200) SEED=$(or $(SEED),$$(date +%s)) tests/run net -k deaths_test
	@CUTS=$(or $(CUTS),50) SEED=$(or $(SEED),$$(date +%s)) tests/run qemu -k powercut_test

test-san:
	@image/deps
	$(STEP) 'build' $(MAKE) build/init tests
	@INITS=build/san tests/run net

test-radosgw:
	@image/deps
	@image/packages radosgw || echo '  note: the tests that need it are skipped'
	$(STEP) 'build' $(MAKE) build/init $(RADOSGW_PROGRAMS)
	@tests/run radosgw

install: build/sealtap
	install -D -t $(DESTDIR)$(or $(PREFIX),/usr/local)/bin $<
	$< --man | install -D -m 644 /dev/stdin $(DESTDIR)$(or $(PREFIX),/usr/local)/share/man/man1/sealtap.1

reproduce: deps
	$(STEP) 'build' $(MAKE) build
	@image/reproduce --kernel

run:
	@image/deps
	$(STEP) 'build' $(MAKE) build/qemu/manifest.json
	@board/qemu/run --console

replay:
	@image/deps
	$(STEP) 'build' $(MAKE) build/init build/sealtap
	@tests/net/replay $(PCAPS)

bench bench-quick:
	@image/deps
	@image/packages bench
	$(STEP) 'build' $(MAKE) build build/tests/make_objects $(BENCH_PROGRAMS)
	@tests/bench/run $(if $(filter bench-quick,$@),--quick) $(GROUP)

fuzz:
	@image/deps
	$(STEP) 'build' $(MAKE) fuzz-programs
	@tests/fuzz/run $(or $(SECONDS),60) $(TARGET)

lint:
	@image/packages lint
	@tests/lint/run

analyze:
	@image/deps
	@image/packages analyze
	$(STEP) 'compile_commands.json' $(MAKE) compile_commands.json
	@tests/lint/analyze

clean: ; rm -rf build

# On AWS, by the machine's own aws command and credentials. The tools read the variables themselves.
ON_AWS := ami ami-clean deploy undeploy aws-smoke update bypass unbypass replace
ami:
	$(STEP) 'build' $(MAKE) build/nitro/manifest.json
	@image/ami make
ami-clean: ; @image/ami clean
deploy: ; @board/nitro/deploy up
undeploy: ; @board/nitro/deploy down
aws-smoke: ; @board/nitro/smoke
update: ; @board/nitro/update
bypass: ; @board/nitro/bypass on
unbypass: ; @board/nitro/bypass off
replace: ; @board/nitro/replace

# ---- the toolchain: build/deps.mk says where it is. Goals that do not compile here need none of it.

INDIRECT := help deps demo test test-long test-san test-radosgw reproduce run replay bench bench-quick fuzz lint analyze clean $(ON_AWS)
.PHONY: $(INDIRECT) install FORCE build tests unit unit-san fuzz-programs
ifneq ($(filter-out $(INDIRECT),$(MAKECMDGOALS)),)
include build/deps.mk
endif
build/deps.mk: image/deps image/packages image/sources image/sources.list image/libs image/mbedtls_user_config.h image/common.sh
	@image/deps

# ---- flags

WARN := -Wall -Wextra -Wshadow -Wconversion -Wvla
HARDEN := -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero -fcf-protection
CFLAGS := -std=c11 $(WARN) -Werror -O2 -g -fPIE $(HARDEN) -ffile-prefix-map=$(CURDIR)/= -Isrc
LDFLAGS := -static-pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--build-id=none
SAN_CC ?= gcc
SAN_CFLAGS := -std=c11 $(WARN) -O1 -g -fno-omit-frame-pointer -Isrc \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_CC ?= clang
FUZZ_CFLAGS := -std=c11 -Wall -O1 -g -fno-omit-frame-pointer -Isrc \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
# No filter of libpcap's looks a name up: src/lib/pcapfilter.c.
LIBS := -Wl,--wrap=getaddrinfo -Wl,--undefined=__wrap_getaddrinfo -lbearssl -lzstd -lpcap -lmbedtls -lmbedx509 -lmbedcrypto
MBED_CONFIG := '-DMBEDTLS_USER_CONFIG_FILE=<mbedtls_user_config.h>'

# Only layers that make system calls see more than standard C; only src/lib and tests see third-party headers.
layer_flags = $(if $(filter os role cli,$(1)),-D_GNU_SOURCE) $(if $(filter lib,$(1)),-isystem $(2)/include $(MBED_CONFIG))
layer = $(firstword $(subst /, ,$(1)))
TEST_CFLAGS := -D_GNU_SOURCE -Itests -Itests/unit -Itests/vectors $(MBED_CONFIG)

# ---- objects: every .c under src joins by itself; one of the two back ends of lib/tls.h is linked to each program

TLS_bearssl := lib/tls_bear
TLS_mbedtls := lib/tls_mbed lib/tls_mbed_shared
tls_objects = $(TLS_$(2):%=$(1)/%.o)
LIB_SRC := $(filter-out src/role/main.c src/cli/main.c $(TLS_bearssl:%=src/%.c) $(TLS_mbedtls:%=src/%.c), \
	$(wildcard $(addprefix src/,$(addsuffix /*.c,base net lib record aws os role role/* cli))))
LIB_OBJ := $(LIB_SRC:src/%.c=build/obj/%.o)
SAN_OBJ := $(LIB_SRC:src/%.c=build/san/obj/%.o)

build/obj/%.o: src/%.c build/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(CFLAGS) $(call layer_flags,$(call layer,$*),$(MUSL_LIBS)) $(FLAGS_$*) -MMD -MP -c -o $@ $<

build/san/obj/%.o: src/%.c build/flags
	$(call say,CC san,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(SAN_CC) $(SAN_CFLAGS) $(call layer_flags,$(call layer,$*),$(GLIBC_LIBS)) $(FLAGS_$*) -MMD -MP -c -o $@ $<

# The readers, with what libFuzzer needs to see which way an input went; a checksum's loop says nothing of that, slowly.
FUZZ_SRC := $(filter $(addprefix src/,base/% net/% lib/% record/% aws/% cli/%),$(LIB_SRC))
FUZZ_OBJ := $(FUZZ_SRC:src/%.c=build/fuzz/obj/%.o)
build/fuzz/obj/%.o: src/%.c build/flags
	$(call say,CC fuzz,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) $(if $(filter base/crc,$*),,-fsanitize=fuzzer-no-link) \
		$(call layer_flags,$(call layer,$*),$(GLIBC_LIBS)) $(FLAGS_$*) -MMD -MP -c -o $@ $<

build/libsealtap.a: $(LIB_OBJ)
build/san/libsealtap.a: $(SAN_OBJ)
build/fuzz/libsealtap.a: $(FUZZ_OBJ)
build/libsealtap.a build/san/libsealtap.a build/fuzz/libsealtap.a:
	$(call say,AR,$@)
	$(Q)rm -f $@
	$(Q)ar rcsD $@ $^

# The version: one file carries it, so that a commit recompiles that file alone.
BUILD_TIME_S := $(or $(shell git log -1 --format=%ct 2>/dev/null),1767225600)
VERSION := $(or $(shell git describe --always --dirty --abbrev=12 2>/dev/null),unversioned)
FLAGS_base/version = -DBUILD_TIME_S=$(BUILD_TIME_S)ull -DVERSION='"$(VERSION)"'
build/obj/base/version.o build/san/obj/base/version.o build/fuzz/obj/base/version.o: build/version

# Files that change only when what they say changes: a new version, another toolchain, other flags.
build/version: says = $(VERSION) $(BUILD_TIME_S)
build/tls: says = $(TLS)
build/signer: says = $(SIGN_CERT) $(BOOT_KEYS) $(SIGN_BOARDS)
build/flags: says = $(MUSL_CC) $(CFLAGS) $(LDFLAGS) $(MUSL_LIBS) $(SAN_CC) $(SAN_CFLAGS) $(GLIBC_LIBS) $(FUZZ_CC) $(FUZZ_CFLAGS)
build/version build/flags build/tls build/signer: FORCE
	@mkdir -p build
	@echo '$(says)' | cmp -s - $@ || echo '$(says)' >$@

# ---- programs

build/init: build/obj/role/main.o $(call tls_objects,build/obj,$(TLS)) build/libsealtap.a build/tls
build/sealtap: build/obj/cli/main.o $(call tls_objects,build/obj,bearssl) build/libsealtap.a
build/mbed/init: build/obj/role/main.o $(call tls_objects,build/obj,mbedtls) build/libsealtap.a
# The same objects and more, which stand in front of some functions (WRAP): in tests a clock that the test sets (tests/lab/clock.py)
# and attacks from inside (tests/lab/attacks.py), or eyes in the booted image (tests/qemu/kernel_test.py); on board debug the whole log.
WITH_EXTRA := build/injected/init build/probed/init build/debug/init
CLOCK_WRAP := $(addprefix -Xlinker --wrap=,clock_gettime ppoll ring_walk_next ct_read adjtimex clock_is_ours)
build/injected/init: WRAP := $(CLOCK_WRAP) $(addprefix -Xlinker --wrap=,view_enter sigaction pool_map close)
build/injected/init: build/extra/tests/lab/injected_clock.o build/extra/tests/lab/injected_attacks.o
build/probed/init: WRAP := -Wl,--wrap=supervisor_start
build/probed/init: $(patsubst %.c,build/extra/%.o,$(wildcard tests/qemu/*.c))
build/debug/init: WRAP := -Wl,--wrap=init_main
build/debug/init: build/extra/board/debug/verbose.o
FLAGS_tests/lab/injected_clock := -DINJECTED='"/dev/shm/sealtap$(subst /,-,$(CURDIR))"'
FLAGS_tests/lab/injected_attacks = $(FLAGS_tests/lab/injected_clock)
$(WITH_EXTRA): build/obj/role/main.o $(call tls_objects,build/obj,bearssl) build/libsealtap.a
build/extra/%.o: %.c build/flags
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(CFLAGS) -D_GNU_SOURCE -Itests $(FLAGS_$*) -MMD -MP -c -o $@ $<

build/init build/mbed/init build/sealtap $(WITH_EXTRA):
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(LDFLAGS) $(WRAP) -o $@.sym $(filter %.o %.a,$^) -L$(MUSL_LIBS)/lib $(LIBS)
	$(Q)image/assert-static $@.sym
	$(Q)strip -o $@ $@.sym

# ---- boards: firmware file, disk, root, manifest. The kernel is compiled once, then relinked with each board's root.

IMAGE_PARTS := $(filter-out image/ami% image/__pycache__,$(wildcard image/*)) $(wildcard kernel-config/* rootfs/anchors/* board/*/*.pem) \
	$(SIGN_CERT) $(wildcard $(addprefix $(BOOT_KEYS)/,*.esl uefi-data)) build/signer
build: build/init build/sealtap build/nitro/manifest.json build/qemu/manifest.json
build/debug/manifest.json: build/debug/init
build/%/manifest.json build/%/sbom.json build/%/pcr.json build/%/BOOTX64.EFI build/%/disk.img build/%/root.erofs: build/init $(IMAGE_PARTS)
	$(STEP) 'image for board $*' image/board $*

# ---- tests

UNIT := $(patsubst tests/unit/%.c,build/tests/%,$(wildcard tests/unit/*_test.c))
VECTORS := $(patsubst tests/vectors/%.c,build/tests/%,$(wildcard tests/vectors/vec_*.c))
VECTOR_PARTS := $(filter-out $(wildcard tests/vectors/vec_*.c),$(wildcard tests/vectors/*.c))
UNIT_SAN := $(UNIT:build/%=build/san/%)
FUZZ := $(patsubst tests/fuzz/%.c,%,$(filter-out tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c)))
FUZZ_REPLAY := $(FUZZ:%=build/san/tests/fuzz_%)
FUZZ_PROGRAMS := $(FUZZ:%=build/fuzz/%_fuzz)
MBED := $(addprefix build/mbed/tests/,tls_test https_test https_addresses_test)
MBED_SAN := $(MBED:build/%=build/san/%)
NET_PROGRAMS := $(patsubst tests/net/%.c,build/tests/%,$(wildcard tests/net/*.c))
CLI_PROGRAMS := $(patsubst tests/cli/%.c,build/tests/%,$(wildcard tests/cli/*.c))
RADOSGW_PROGRAMS := $(patsubst tests/radosgw/%.c,build/tests/%,$(wildcard tests/radosgw/*.c))
BENCH_PROGRAMS := $(patsubst tests/bench/%.c,build/tests/%,$(wildcard tests/bench/*.c))

tests: $(UNIT) $(VECTORS) $(NET_PROGRAMS) $(CLI_PROGRAMS) $(BENCH_PROGRAMS) $(MBED) build/mbed/tests/https_client build/mbed/init \
	$(WITH_EXTRA) unit-san sanitized
unit-san: $(UNIT_SAN) $(MBED_SAN) $(FUZZ_REPLAY)
fuzz-programs: $(FUZZ_PROGRAMS)
unit: $(UNIT)
	@rc=0; for t in $^; do echo "# $$t"; $$t || rc=1; done; exit $$rc

define test_link
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(1) $(2) $(TEST_CFLAGS) -isystem $(3)/include -MMD -MP -MF $@.d -o $@ $(filter %.c,$^) $(filter %.o,$^) $(filter %.a,$^) \
		-L$(3)/lib $(LIBS)
endef
TEST_PARTS := $(call tls_objects,build/obj,bearssl) build/libsealtap.a build/flags
$(UNIT): build/tests/%: tests/unit/%.c tests/unit/mbed_random.c $(TEST_PARTS)
$(VECTORS): build/tests/%: tests/vectors/%.c $(VECTOR_PARTS) build/libsealtap.a build/flags
$(NET_PROGRAMS): build/tests/%: tests/net/%.c $(TEST_PARTS)
$(CLI_PROGRAMS): build/tests/%: tests/cli/%.c $(TEST_PARTS)
$(RADOSGW_PROGRAMS): build/tests/%: tests/radosgw/%.c $(TEST_PARTS)
$(BENCH_PROGRAMS): build/tests/%: tests/bench/%.c $(TEST_PARTS)
$(UNIT) $(VECTORS) $(NET_PROGRAMS) $(CLI_PROGRAMS) $(RADOSGW_PROGRAMS) $(BENCH_PROGRAMS):
	$(call test_link,$(MUSL_CC),$(CFLAGS) $(LDFLAGS),$(MUSL_LIBS))
# What has to do with TLS, once more over Mbed TLS.
$(MBED): build/mbed/tests/%: tests/unit/%.c $(call tls_objects,build/obj,mbedtls) build/libsealtap.a build/flags
	$(call test_link,$(MUSL_CC),$(CFLAGS) $(LDFLAGS) -DTLS_MBEDTLS,$(MUSL_LIBS))
build/mbed/tests/https_client: tests/net/https_client.c $(call tls_objects,build/obj,mbedtls) build/libsealtap.a build/flags
	$(call test_link,$(MUSL_CC),$(CFLAGS) $(LDFLAGS),$(MUSL_LIBS))

include tests/sanitized.mk tests/lint/compile_commands.mk

-include $(shell find build -name '*.d' 2>/dev/null)
