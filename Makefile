# engage: machine learning inside PostgreSQL
#
#   make                build the library and the install script
#   make install        put them into the PostgreSQL that PG_CONFIG names
#   make demo           install what is missing, train and score real data in a private cluster
#   make test           everything that can be tested here, in private clusters
#   make bench          the speed table of README.md
#   make installcheck   pg_regress and isolation tests in a running server
#   make lint format    style;  make deb: a Debian package;  make test-next: PostgreSQL 17, XGBoost 3
#
# Settings: PG_CONFIG, WERROR=1 (warnings are errors), CC=clang

EXTENSION    = engage
EXTVERSION   = 0.1.0
MODULE_big   = engage
OBJS         = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))
DATA_built   = sql/engage--$(EXTVERSION).sql
DATA         = $(wildcard sql/engage--*--*.sql)
PG_CPPFLAGS  = -I$(srcdir)/src
PG_CFLAGS    = -std=gnu99 -Wall -Wextra -Wmissing-prototypes -Wdeclaration-after-statement \
               -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
               -fno-math-errno
SHLIB_LINK   = -lm -lpthread -ldl
EXTRA_CLEAN  = src/*.bc src/*/*.bc output_iso results regression.diffs regression.out tmp_check .build-stamp

ifeq ($(WERROR),1)
PG_CFLAGS   += -Werror
endif

# a server that gcc built has flags and attributes of its own
ifneq ($(findstring clang,$(CC)),)
PG_CFLAGS   += -Wno-ignored-optimization-argument -Wno-ignored-attributes -Wno-unknown-warning-option
endif

PG_CONFIG   ?= pg_config
export PG_CONFIG

# neither clang nor llvm is needed: inlining these functions into JIT code gains nothing
override with_llvm := no

# "demo" and "test" install the server when there is none, so parsing must not need it
PGXS        := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))

ifneq ($(PGXS),)
srcdir       = .
include $(PGXS)

# PGXS does not track headers, and a stale object with another struct layout crashes
$(OBJS): $(wildcard src/*.h src/*/*.h) Makefile

# the loops over trees are the product: worth unrolling
src/algo/forest.o src/algo/forest_%.o: CFLAGS += -O3

# and those over rows as numbers, whole vectors at a time: nobody looks at the processor's flags, so
# that a comparison with NaN need not be a branch
src/algo/prepare.o src/algo/design.o src/algo/margin.o src/algo/rows.o src/base/linalg.o \
	src/algo/mlp.o src/algo/mlp_%.o src/algo/kmeans.o src/algo/kmeans_%.o src/algo/validity.o \
	src/algo/space.o src/algo/gaussian_em.o src/algo/gaussian_density.o: CFLAGS += -O3 -fno-trapping-math

sql/engage--$(EXTVERSION).sql: $(sort $(wildcard sql/[0-9][0-9]_*.sql)) Makefile
	cat $(filter %.sql,$^) > $@
else
all install uninstall:
	@echo "no PostgreSQL development files found: set PG_CONFIG, or run: scripts/packages.sh install build" >&2; exit 1

clean:
	rm -f engage.so src/*.o src/*/*.o sql/engage--$(EXTVERSION).sql
endif

.PHONY: installcheck demo test bench test-next lint format deb

demo:
	scripts/demo.sh

# some tests only: make test TESTS="contract predict", likewise installcheck
test:
	scripts/test.sh $(TESTS)

# PGXS's own would run all files in one database, where they meet each other's models
installcheck:
	scripts/installcheck.sh $(TESTS)

bench:
	test/bench/bench.sh

test-next:
	scripts/test-next.sh

lint:
	scripts/lint.sh

format:
	clang-format -i $(wildcard src/*.[ch] src/*/*.[ch])

deb:
	scripts/deb.sh
