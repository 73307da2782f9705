# What is built once more with sanitizers, by glibc: tests of units and vectors, fuzz targets, and the appliance itself:
# `INITS=build/san tests/net/X_test.py` runs a test with that. What a sanitizer says of it goes to SANITIZED_REPORTS (tests/lab/sanitized.c),
# where tests/lab/host.py looks.

$(UNIT_SAN): build/san/tests/%: tests/unit/%.c tests/unit/mbed_random.c $(call tls_objects,build/san/obj,bearssl) build/san/libsealtap.a \
		build/flags
	$(call test_link,$(SAN_CC),$(SAN_CFLAGS),$(GLIBC_LIBS))

$(MBED_SAN): build/san/mbed/tests/%: tests/unit/%.c $(call tls_objects,build/san/obj,mbedtls) build/san/libsealtap.a build/flags
	$(call test_link,$(SAN_CC),$(SAN_CFLAGS) -DTLS_MBEDTLS,$(GLIBC_LIBS))

# A target in tests/fuzz joins by itself: replay.c drives it in the tests, libFuzzer in `make fuzz`. json has the vectors' reader beside it.
FUZZ_PARTS := tests/vectors/json_pull.c
$(FUZZ_REPLAY): build/san/tests/fuzz_%: tests/fuzz/%.c tests/fuzz/replay.c $(FUZZ_PARTS) build/san/libsealtap.a build/flags
	$(call test_link,$(SAN_CC),$(SAN_CFLAGS),$(GLIBC_LIBS))

$(FUZZ_PROGRAMS): build/fuzz/%_fuzz: tests/fuzz/%.c $(FUZZ_PARTS) build/fuzz/libsealtap.a build/flags
	$(call test_link,$(FUZZ_CC),$(FUZZ_CFLAGS) -fsanitize=fuzzer,$(GLIBC_LIBS))

# Targets of tests/fuzz that read by more than the library holds.
build/fuzz/tls_fuzz: build/fuzz/obj/lib/tls_bear.o
build/san/tests/fuzz_tls: build/san/obj/lib/tls_bear.o

# ---- the appliance

SANITIZED := $(addprefix build/san/,init mbed/init injected/init)
VECTORS_SAN := $(VECTORS:build/%=build/san/%)
.PHONY: sanitized
sanitized: $(SANITIZED) $(VECTORS_SAN)

build/san/lab/%.o: tests/lab/%.c build/flags
	$(call say,CC san,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(SAN_CC) $(SAN_CFLAGS) -D_GNU_SOURCE $(FLAGS_$(<:.c=)) -MMD -MP -c -o $@ $<
FLAGS_tests/lab/sanitized := -DSANITIZED_REPORTS='"/dev/shm/sealtap$(subst /,-,$(CURDIR))-sanitizers"'

# What can't be with a sanitizer: an empty view of the file system, a list of system calls, a limit for its report.
SAN_WRAP := -Wl,--wrap=view_enter,--wrap=sandbox_enter,--wrap=setrlimit
build/san/init build/san/injected/init: build/san/obj/role/main.o $(call tls_objects,build/san/obj,bearssl)
build/san/mbed/init: build/san/obj/role/main.o $(call tls_objects,build/san/obj,mbedtls)
build/san/injected/init: build/san/lab/injected_clock.o
build/san/injected/init: WRAP := $(CLOCK_WRAP)
$(SANITIZED): build/san/lab/sanitized.o build/san/libsealtap.a
	$(call say,LINK san,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(SAN_CC) $(SAN_CFLAGS) $(SAN_WRAP) $(WRAP) -o $@ $(filter %.o,$^) $(filter %.a,$^) -L$(GLIBC_LIBS)/lib $(LIBS)

$(VECTORS_SAN): build/san/tests/%: tests/vectors/%.c $(VECTOR_PARTS) build/san/libsealtap.a build/flags
	$(call test_link,$(SAN_CC),$(SAN_CFLAGS),$(GLIBC_LIBS))
