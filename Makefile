# osso: GNU Make. `make` builds build/release; VARIANT=asan|tsan builds beside it.
VERSION  := 0.1.0
# The day of this version, for manual pages and packages.
RELEASED := 2026-11-29
SOVERSION:= 0
VARIANT  ?= release
B        := build/$(VARIANT)
PREFIX   ?= /usr/local
DESTDIR  ?=
BINDIR   ?= $(PREFIX)/bin
LIBDIR   ?= $(PREFIX)/lib
INCDIR   ?= $(PREFIX)/include
DATADIR  ?= $(PREFIX)/share
MANDIR   ?= $(DATADIR)/man
BASHDIR  ?= $(DATADIR)/bash-completion/completions
ZSHDIR   ?= $(DATADIR)/zsh/site-functions
FISHDIR  ?= $(DATADIR)/fish/vendor_completions.d
# What the program itself prints: osso(1), a page for each verb, a script for each shell that completes.
VERBS    := $(shell sed -n 's/^VERB[^2]\([a-z]*\),.*/\1/p; s/^VERB2.\([a-z]*\), \([a-z]*\),.*/\1-\2/p' src/cli/verbs.def)
PRINTED   = $(MANDIR)/man1/osso.1 $(VERBS:%=$(MANDIR)/man1/osso-%.1) $(BASHDIR)/osso $(ZSHDIR)/_osso $(FISHDIR)/osso.fish
# The commit of this checkout, with -dirty when tracked files were changed; empty outside of one, and in a folder that only
# lies in somebody else's. safe.directory: `make install` as root must name the commit that its user has built.
GIT      := git --no-optional-locks -c safe.directory='*'
COMMIT   := $(shell [ -z "$$($(GIT) rev-parse --show-cdup 2>&1)" ] && $(GIT) describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null)

CC       ?= cc
OBJCOPY  ?= $(shell $(CC) -print-prog-name=objcopy)
# One word and a name for each file that is made; V=1 shows the commands.
Q        := $(if $(V),,@)
SAY       = $(if $(V),:,printf '  %-5s %s\n')
WARN     := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wconversion -Wsign-conversion \
            -Wno-unknown-pragmas
OPT_release := -O2 -g
# must() of base/must.h checks where OSSO_MUST is defined: in the sanitizers' builds, and in what tests link.
OPT_asan := -O1 -g -DOSSO_MUST -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPT_tsan := -O1 -g -DOSSO_MUST -fsanitize=thread
# What no emulated test runs is compiled for ARM to see that it compiles. (GCC 12.2 for ARM falls over -Wformat-truncation at -O0.)
OPT_arm   = $(if $(filter $(addprefix src/,cli/% serve/% train/% convert/% hub/% measure/% eval/% inspect/%),$<),-O0 -Wno-format-overflow -Wno-format-truncation -g,$(OPT_release))
OPT_emu512 := $(OPT_release) -DOSSO_MUST
OPT_fuzz := -O1 -g -DOSSO_MUST -DOSSO_PIECE=4096 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
ifeq ($(origin OPT_$(VARIANT)),undefined)
$(error VARIANT=$(VARIANT) is unknown: release, asan, tsan, fuzz, arm or emu512)
endif
# No parser is in backend/, and clang takes minutes to instrument its unrolled kernels.
# The encoder's inner loops gain a tenth from -O3, the plain loops of the ops (bias, add, rotation) and the sampler's passes
# over the vocabulary become vectors; nothing else gains.
O3       := $(addprefix src/token/,encode.c split.c bpe.c vocab.c) src/base/utf8.c $(wildcard src/backend/cpu/ops*.c) src/engine/choose.c src/train/optimizer.c src/train/muon.c
# HASTE=1: compiled fast, by tests that want to see that something compiles and runs; -O1 where most of their time goes (which
# thinks some variables unset).
OPT       = $(if $(HASTE),$(if $(or $(findstring backend/,$<),$(findstring quant/,$<)),-O1 -Wno-maybe-uninitialized,-O0),$(OPT_full))
OPT_full  = $(if $(and $(filter fuzz,$(VARIANT)),$(findstring src/backend/,$<)),-O1 -g,$(if \
              $(and $(filter release,$(VARIANT)),$(filter $(O3),$<)),-O3 -g,$(OPT_$(VARIANT))))
# One order for every sum: no contraction into FMA behind our back, no fast-math, no -march=native.
NUMERIC  := -ffp-contract=off -fno-math-errno

# What is optional is detected and named at the end of the build.
PKG      := pkg-config
HAVE_EDIT   := $(shell $(PKG) --exists libedit 2>/dev/null && echo 1)
HAVE_YAML   := $(shell $(PKG) --exists yaml-0.1 2>/dev/null && echo 1)
HAVE_MHD    := $(shell $(PKG) --exists 'libmicrohttpd >= 0.9.75' 2>/dev/null && echo 1)
HAVE_SQLITE := $(shell $(PKG) --exists 'sqlite3 >= 3.24' 2>/dev/null && echo 1)
HAVE_HUB    := $(shell $(PKG) --exists 'libcurl >= 7.85' 'libcrypto >= 1.1.1' 2>/dev/null && echo 1)
HAVE_VULKAN := $(shell $(PKG) --exists vulkan 2>/dev/null && echo 1)
CPPFLAGS += -D_POSIX_C_SOURCE=200809L -Iinclude -Isrc -DOSSO_VERSION=\"$(VERSION)\" \
            $(if $(HAVE_EDIT),-DHAVE_EDIT) $(if $(HAVE_EDIT),$(shell $(PKG) --cflags libedit))
CFLAGS   += -std=c11 $(OPT) $(NUMERIC) $(WARN) $(if $(WERROR),-Werror) -fPIC -fvisibility=hidden -pthread -MMD -MP
LDLIBS   := -lm -pthread
LDLIBS_EDIT := $(if $(HAVE_EDIT),$(shell $(PKG) --libs libedit))
LDLIBS_YAML := $(if $(HAVE_YAML),$(shell $(PKG) --libs yaml-0.1))
LDLIBS_SQLITE := $(if $(HAVE_SQLITE),$(shell $(PKG) --libs sqlite3))
LDLIBS_MHD  := $(if $(HAVE_MHD),$(shell $(PKG) --libs libmicrohttpd))

# A kernel file named *__ISA.c is compiled for that ISA, on its own architecture; the dispatcher runs it only where the
# CPU and the OS allow.
ISA_avx2       := -mavx2 -mfma -mf16c
ISA_avx512vnni := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512vbmi -mfma -mf16c -mprefer-vector-width=512
ISA_avx512bf16 := $(ISA_avx512vnni) -mavx512bf16
ISA_amx        := $(ISA_avx512bf16) -mamx-tile -mamx-int8 -mamx-bf16
ISA_neon       :=
ISA_dotprod    := -march=armv8.2-a+dotprod
ISA_i8mm       := -march=armv8.2-a+dotprod+i8mm
ISAS_x86_64    := avx2 avx512vnni avx512bf16 amx
ISAS_aarch64   := neon dotprod i8mm
# emu512: the release build, in which AVX-512's files are compiled for AVX2 with tests/emulate/immintrin.h (tests/x86.sh).
# -Og: their unrolled loops take a minute from -O2.
ifeq ($(VARIANT),emu512)
ISA_avx512vnni := $(ISA_avx2) -isystem tests/emulate -Wno-psabi -Og
ISA_avx512bf16 := $(ISA_avx512vnni)
ISA_amx        := $(ISA_avx512vnni)
CPPFLAGS       += -DOSSO_EMULATE_AVX512
endif
ALL_ISAS       := $(ISAS_x86_64) $(ISAS_aarch64)
ARCH := $(subst arm64,aarch64,$(shell $(CC) -dumpmachine | cut -d- -f1))
isa_of = $(ISA_$(lastword $(subst __, ,$(basename $(notdir $(1))))))
isa_files = $(foreach isa,$(1),%__$(isa).c)

# The rooms of the library, each a folder of src, low to high (tools/check/check_levels.py has their levels).
# Every folder of src/backend is a backend of its own (backends.def).
ROOMS    := base json quant format token harmony backend $(patsubst src/%/,%,$(wildcard src/backend/*/)) \
            $(addprefix backend/cpu/,scalar avx2 avx512 amx arm) model checkpoint engine convert train hub measure eval inspect
LIB_SRC  := $(filter-out $(call isa_files,$(filter-out $(ISAS_$(ARCH)),$(ALL_ISAS))),$(foreach room,$(ROOMS),$(wildcard src/$(room)/*.c)))
CLI_SRC  := $(wildcard src/cli/*.c src/cli/*/*.c)
# The server is the program's, not the library's, and needs the HTTP library: the program has it or names the package.
# Its reader of a request's tools is --tools', too, and there without it.
TOOL_SRC  := $(addprefix src/serve/api/,fields.c refusal.c toolset.c)
SERVE_SRC := $(if $(HAVE_MHD),$(wildcard src/serve/*.c src/serve/*/*.c),$(TOOL_SRC))
# Written over `real`: compiled once as float and once as double (the yardstick of tests and gradient checks).
REAL_SRC := $(filter-out $(call isa_files,$(ALL_ISAS)),$(wildcard src/backend/cpu/*.c src/backend/cpu/scalar/*.c)) $(addprefix src/model/,activations.c backward.c forward.c shard.c stage.c taps.c)
REAL_OBJ := $(patsubst src/%.c,$(B)/%.f64.o,$(wildcard $(REAL_SRC)))
# Not in LIB_OBJ and the inner archive: a commit must not link every test anew.
COMMIT_OBJ := $(B)/base/commit.o
LIB_OBJ  := $(filter-out $(COMMIT_OBJ),$(patsubst src/%.c,$(B)/%.o,$(LIB_SRC))) $(REAL_OBJ)
CLI_OBJ  := $(patsubst src/%.c,$(B)/%.o,$(CLI_SRC))
SERVE_OBJ := $(patsubst src/%.c,$(B)/%.o,$(SERVE_SRC))
# Tests link the library's objects as they are, but for those files that use must(): these are compiled once more, with it.
MUST_SRC := $(filter $(LIB_SRC),$(shell grep -rl --include=*.c base/must.h src))
MUST_OBJ := $(patsubst src/%.c,$(B)/must/%.o,$(MUST_SRC)) $(patsubst src/%.c,$(B)/must/%.f64.o,$(filter $(REAL_SRC),$(MUST_SRC)))
TEST_LIB := $(B)/libosso-$(if $(filter release arm,$(VARIANT)),test,inner).a
EMU_OBJ  := $(B)/backend/cpu/cpu.o $(patsubst tests/%.c,$(B)/%.o,$(wildcard tests/emulate/*.c)) \
            $(patsubst src/%.c,$(B)/%.o,$(wildcard src/backend/cpu/*/*__avx512vnni.c src/backend/cpu/*/*__avx512bf16.c src/backend/cpu/*/*__amx.c))
TEST_SRC := $(filter-out $(if $(HAVE_MHD),,tests/serve/%),$(wildcard tests/*/test_*.c))
TEST_BIN := $(patsubst tests/%.c,$(B)/tests/%,$(TEST_SRC))

.PHONY: all tests examples benches bench-kernels bench-sampler bench-serve bench-train bench-inspect install uninstall clean shaders summary FORCE
all: $(B)/osso $(B)/libosso.a $(B)/libosso.so summary
	@$(if $(filter release,$(VARIANT)),ln -sfn release/osso build/osso)

# A part that is installed later, or another compiler, builds everything anew.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(OPT) $(NUMERIC) $(WARN) $(HAVE_EDIT) $(VERSION)' | cmp -s - $@ || \
		echo '$(CC) $(OPT) $(NUMERIC) $(WARN) $(HAVE_EDIT) $(VERSION)' > $@

# A word that few objects know: they alone are built anew when the word changes.
$(B)/commit: WORD = $(COMMIT)
$(B)/datadir: WORD = $(DATADIR)/osso
$(B)/have_mhd: WORD = $(HAVE_MHD)
$(B)/have_yaml: WORD = $(HAVE_YAML)
$(B)/have_hub: WORD = $(HAVE_HUB)
$(B)/have_vulkan: WORD = $(HAVE_VULKAN)
$(B)/have_sqlite: WORD = $(HAVE_SQLITE)
$(B)/commit $(B)/datadir $(B)/have_mhd $(B)/have_yaml $(B)/have_hub $(B)/have_sqlite $(B)/have_vulkan: FORCE
	@mkdir -p $(@D)
	@echo '$(WORD)' | cmp -s - $@ || echo '$(WORD)' > $@
$(COMMIT_OBJ): $(B)/commit
$(COMMIT_OBJ): CPPFLAGS += -DOSSO_COMMIT=\"$(COMMIT)\"
$(B)/cli/datadir.o: $(B)/datadir
$(B)/cli/datadir.o: CPPFLAGS += -DOSSO_DATADIR=\"$(DATADIR)/osso\"
# What else the version says of itself stands at the top of this file.
$(B)/cli/man.o: Makefile
$(B)/cli/man.o: CPPFLAGS += -DOSSO_RELEASED=\"$(RELEASED)\"

MHD_OBJ := $(filter-out $(patsubst src/%.c,$(B)/%.o,$(TOOL_SRC)),$(SERVE_OBJ)) $(B)/cli/parts.o $(B)/cli/verbs/verb_serve.o
$(MHD_OBJ): $(B)/have_mhd
$(MHD_OBJ): CPPFLAGS += $(if $(HAVE_MHD),-DHAVE_MHD $(shell $(PKG) --cflags libmicrohttpd))

YAML_OBJ := $(B)/cli/parts.o $(B)/cli/train_yaml.o
$(YAML_OBJ): $(B)/have_yaml
$(YAML_OBJ): CPPFLAGS += $(if $(HAVE_YAML),-DHAVE_YAML $(shell $(PKG) --cflags yaml-0.1))

SQLITE_OBJ := $(B)/cli/parts.o $(B)/cli/eval_history.o
$(SQLITE_OBJ): $(B)/have_sqlite
$(SQLITE_OBJ): CPPFLAGS += $(if $(HAVE_SQLITE),-DHAVE_SQLITE $(shell $(PKG) --cflags sqlite3))

# Downloads: libcurl and libcrypto are opened when they are needed (hub/hub_lib.c); only their headers are built with.
HUB_OBJ := $(patsubst src/%.c,$(B)/%.o,$(wildcard src/hub/*.c))
$(HUB_OBJ): $(B)/have_hub
$(HUB_OBJ): CPPFLAGS += $(if $(HAVE_HUB),-DHAVE_HUB $(shell $(PKG) --cflags libcurl libcrypto))

# GPUs: the Vulkan loader is opened when one is wanted (backend/vulkan/vk_loader.c); only its headers are built with.
VULKAN_OBJ := $(patsubst src/%.c,%.o,$(wildcard src/backend/vulkan/*.c))
VULKAN_OBJ := $(VULKAN_OBJ:%=$(B)/%) $(VULKAN_OBJ:%=$(B)/must/%) $(B)/cli/parts.o
$(VULKAN_OBJ): $(B)/have_vulkan
$(VULKAN_OBJ): CPPFLAGS += $(if $(HAVE_VULKAN),-DHAVE_VULKAN $(shell $(PKG) --cflags vulkan))

$(B)/%.o: src/%.c $(B)/flags
	@mkdir -p $(@D)
	@$(SAY) CC $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(call isa_of,$<) -c $< -o $@
$(B)/%.f64.o: src/%.c $(B)/flags
	@mkdir -p $(@D)
	@$(SAY) CC $@
	$(Q)$(CC) $(CPPFLAGS) -DOSSO_DOUBLE $(CFLAGS) -c $< -o $@
$(B)/must/%.o: src/%.c $(B)/flags
	@mkdir -p $(@D)
	@$(SAY) CC $@
	$(Q)$(CC) $(CPPFLAGS) -DOSSO_MUST $(CFLAGS) $(call isa_of,$<) -c $< -o $@
$(B)/must/%.f64.o: src/%.c $(B)/flags
	@mkdir -p $(@D)
	@$(SAY) CC $@
	$(Q)$(CC) $(CPPFLAGS) -DOSSO_MUST -DOSSO_DOUBLE $(CFLAGS) -c $< -o $@
$(B)/libosso-test.a: $(B)/libosso-inner.a $(MUST_OBJ)
	@$(SAY) AR $@
	$(Q)cp $< $@ $(if $(MUST_OBJ),&& $(AR) rs $@ $(MUST_OBJ))

ifeq ($(VARIANT),emu512)
$(EMU_OBJ): $(wildcard tests/emulate/*.h) # a system's headers, which -MMD leaves out
$(B)/emulate/%.o: tests/emulate/%.c $(B)/flags
	@mkdir -p $(@D)
	@$(SAY) CC $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@
.PHONY: release
release:
	+@$(MAKE) --no-print-directory VARIANT=release all build/release/libosso-test.a
$(B)/libosso-inner.a: $(EMU_OBJ) release
	@$(SAY) AR $@
	$(Q)cp build/release/libosso-test.a $@ && $(AR) rs $@ $(EMU_OBJ)
$(B)/osso: $(B)/libosso-inner.a
	@$(SAY) LINK $@
	$(Q)$(CC) $(OPT) -o $@ $(patsubst src/%.c,build/release/%.o,$(CLI_SRC) $(SERVE_SRC) src/base/commit.c) $< $(LDLIBS) $(LDLIBS_EDIT) $(LDLIBS_MHD) $(LDLIBS_YAML) $(LDLIBS_SQLITE)
else
# The inner archive has every name: for the program, tests and benches. libosso.a is one object that shows osso_* only.
$(B)/libosso-inner.a: $(LIB_OBJ)
	@rm -f $@
	@$(SAY) AR $@
	$(Q)$(AR) rcs $@ $^
$(B)/libosso.a: $(LIB_OBJ) $(COMMIT_OBJ)
	@rm -f $@
	@$(SAY) AR $@
	$(Q)$(CC) -r -nostdlib -o $(B)/libosso.o $^ && $(OBJCOPY) --localize-hidden $(B)/libosso.o && $(AR) rcs $@ $(B)/libosso.o
	@rm -f $(B)/libosso.o
$(B)/libosso.so.$(SOVERSION): $(LIB_OBJ) $(COMMIT_OBJ)
	@$(SAY) LINK $@
	$(Q)$(CC) $(OPT) -shared -Wl,-soname,libosso.so.$(SOVERSION) -o $@ $^ $(LDLIBS)
$(B)/libosso.so: $(B)/libosso.so.$(SOVERSION)
	$(Q)ln -sfn $(<F) $@
$(B)/osso: $(CLI_OBJ) $(SERVE_OBJ) $(COMMIT_OBJ) $(B)/libosso-inner.a
	@$(SAY) LINK $@
	$(Q)$(CC) $(OPT) -o $@ $^ $(LDLIBS) $(LDLIBS_EDIT) $(LDLIBS_MHD) $(LDLIBS_YAML) $(LDLIBS_SQLITE)
endif
# The server's parts, for tests of them.
$(B)/libserve.a: $(SERVE_OBJ)
	@rm -f $@
	@$(SAY) AR $@
	$(Q)$(AR) rcs $@ $^

# Programs of tests find a backend of their own beside those of the product (tests/backend/far.h), and Vulkan through one
# who counts calls (tests/backend/vulkan_calls.h).
TEST_OBJ := $(B)/tests/backend/far.o $(B)/tests/backend/far_ops.o $(B)/tests/backend/kept.o $(B)/tests/backend/backends.o $(B)/tests/backend/vulkan_calls.o
.SECONDARY: $(TEST_OBJ)
tests: $(TEST_BIN)
$(B)/tests/serve/%: tests/serve/%.c $(TEST_OBJ) $(B)/libserve.a $(COMMIT_OBJ) $(TEST_LIB) $(wildcard tests/*.h)
	@mkdir -p $(@D)
	@$(SAY) LINK $@
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -o $@ $< $(TEST_OBJ) $(B)/libserve.a $(COMMIT_OBJ) $(TEST_LIB) $(shell $(PKG) --libs cmocka) $(LDLIBS) $(LDLIBS_MHD)
$(B)/tests/backend/%.o: tests/backend/%.c $(B)/flags
	@mkdir -p $(@D)
	@$(SAY) CC $@
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -c $< -o $@
$(B)/tests/%: tests/%.c $(TEST_OBJ) $(TEST_LIB) $(wildcard tests/*.h)
	@mkdir -p $(@D)
	@$(SAY) LINK $@
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -o $@ $< $(TEST_OBJ) $(TEST_LIB) $(shell $(PKG) --libs cmocka) $(LDLIBS)

# Tests of the program's own files take from them what they name.
$(B)/cli.a: $(filter-out $(B)/cli/main.o,$(CLI_OBJ))
	@rm -f $@
	@$(SAY) AR $@
	$(Q)$(AR) rcs $@ $^
$(B)/tests/cli/%: tests/cli/%.c $(B)/cli.a $(TEST_LIB) $(wildcard tests/*.h)
	@mkdir -p $(@D)
	@$(SAY) LINK $@
	$(Q)$(CC) $(CPPFLAGS) -Itests $(CFLAGS) -o $@ $< $(B)/cli.a $(TEST_LIB) $(shell $(PKG) --libs cmocka) $(LDLIBS)

# All of them, so that a changed interface is noticed where it changes: ./run test builds them too.
benches: $(patsubst %.c,$(B)/%,$(wildcard bench/*.c))
# bench/kernels.c: every kernel as a share of the machine's ceilings; run build/release/bench/kernels [threads [filter]].
bench-kernels: $(B)/bench/kernels
# bench/sampler.c: a token's way from logits to text, beside its forward pass.
bench-sampler: $(B)/bench/sampler
# bench/serve.c: load for a server.
bench-serve: $(B)/bench/serve
# bench/train.c: where a training step's time goes.
bench-train: $(B)/bench/train
# bench/inspect.c: what looking into a run and changing it cost beside plain runs.
bench-inspect: $(B)/bench/inspect
$(B)/bench/%: bench/%.c $(B)/libosso-inner.a
	@mkdir -p $(@D)
	@$(SAY) LINK $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $< $(B)/libosso-inner.a $(LDLIBS)

# examples/*.c: programs that know libosso by its public headers only.
examples: $(patsubst %.c,$(B)/%,$(wildcard examples/*.c))
$(B)/examples/%: examples/%.c $(B)/libosso.a $(wildcard include/osso/*)
	@mkdir -p $(@D)
	@$(SAY) LINK $@
	$(Q)$(CC) -std=c11 $(OPT) $(WARN) -Iinclude -o $@ $< $(B)/libosso.a $(LDLIBS)

# The words of the GPU's kernels are kept in the sources: users need no compiler for them.
shaders:
	tools/tables/shaders.py

summary: $(B)/osso
	@echo "osso $(VERSION) ($(VARIANT)): line editing $(if $(HAVE_EDIT),libedit,left out (libedit-dev missing)), server $(if $(HAVE_MHD),libmicrohttpd,left out (libmicrohttpd-dev missing)), YAML $(if $(HAVE_YAML),libyaml,left out (libyaml-dev missing)), history of evaluations $(if $(HAVE_SQLITE),SQLite,left out (libsqlite3-dev missing)), downloads $(if $(HAVE_HUB),libcurl,left out (libcurl4-openssl-dev or libssl-dev missing)), GPUs $(if $(HAVE_VULKAN),Vulkan,left out (libvulkan-dev missing))" >&2

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCDIR)/osso $(DESTDIR)$(DATADIR)/osso/models
	install -m 755 $(B)/osso $(DESTDIR)$(BINDIR)/osso
	install -m 644 $(B)/libosso.a $(DESTDIR)$(LIBDIR)/libosso.a
	install -m 755 $(B)/libosso.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libosso.so.$(SOVERSION)
	ln -sfn libosso.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libosso.so
	install -m 644 include/osso/*.h include/osso/*.def $(DESTDIR)$(INCDIR)/osso/
	sed -e 's|@PREFIX@|$(PREFIX)|;s|@LIBDIR@|$(LIBDIR)|;s|@INCDIR@|$(INCDIR)|;s|@VERSION@|$(VERSION)|' tools/osso.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/osso.pc
	for model in models/*/config.json; do cp -R "$${model%/config.json}" $(DESTDIR)$(DATADIR)/osso/models/; done
	@tools/printed.sh $(B)/osso $(addprefix $(DESTDIR),$(PRINTED))
	@tools/loader.sh $(LIBDIR) "$(DESTDIR)"

# What install has put there, and folders that are empty then. Say the same PREFIX (and DESTDIR).
uninstall:
	rm -f $(DESTDIR)$(BINDIR)/osso $(DESTDIR)$(LIBDIR)/libosso.a $(DESTDIR)$(LIBDIR)/libosso.so $(DESTDIR)$(LIBDIR)/libosso.so.$(SOVERSION) \
	      $(DESTDIR)$(LIBDIR)/pkgconfig/osso.pc $(addprefix $(DESTDIR),$(PRINTED))
	for header in include/osso/*; do rm -f $(DESTDIR)$(INCDIR)/osso/"$${header##*/}"; done
	for file in models/*/*; do case $$file in models/recipe/*) ;; *) rm -f $(DESTDIR)$(DATADIR)/osso/"$$file" ;; esac; done
	-rmdir $(addprefix $(DESTDIR),$(INCDIR)/osso $(patsubst %/config.json,$(DATADIR)/osso/%,$(wildcard models/*/config.json)) \
	       $(DATADIR)/osso/models $(DATADIR)/osso) 2>/dev/null || true
	@tools/loader.sh $(LIBDIR) "$(DESTDIR)"

# What a script wants to know of this file: make -s show-VERSION.
show-%:
	@echo '$($*)'

clean:
	rm -rf build/release build/asan build/tsan build/arm build/emu512 build/fuzz build/compare build/mutate build/recipes build/osso

$(B)/token/o200k.o: src/token/o200k.bin
$(B)/cli/completion.o: $(wildcard src/cli/completion.*sh)
$(B)/cli/inspect_page.o: src/cli/inspect_page.js src/cli/inspect_page.css

-include $(LIB_OBJ:.o=.d) $(COMMIT_OBJ:.o=.d) $(MUST_OBJ:.o=.d) $(EMU_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(SERVE_OBJ:.o=.d) $(TEST_BIN:=.d) $(TEST_OBJ:.o=.d)
