# ---- how each C file is compiled, for editors and `make analyze`: clang takes musl's headers by name, and has no need of HARDEN

C_FILES := $(wildcard src/*/*.c src/role/*/*.c tests/*/*.c board/*/*.c)
flags_of = $(FLAGS_$(patsubst src/%,%,$(1:.c=))) $(if $(filter src/%,$(1)),$(call layer_flags,$(call layer,$(1:src/%=%)),$(MUSL_LIBS)), \
	$(TEST_CFLAGS) -isystem $(MUSL_LIBS)/include)
compile_commands.json: build/flags FORCE
	$(file >build/flags_of,$(foreach f,$(C_FILES),$(f) $(call flags_of,$(f))))
	$(Q)tests/lint/compile_commands $(filter-out -Werror $(HARDEN),$(CFLAGS)) \
		-nostdlibinc -isystem $(MUSL_CC:%/bin/musl-gcc=%/include) <build/flags_of >$@
