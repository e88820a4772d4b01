# Everything runs in virtual environments made here: only git, make and Python 3.11 or newer with venv are needed.
# The environments are made and filled when they are first needed, and again when what they are made from changes.

.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest test-newest newest test-long bench results docs screenshots lock clean FORCE

# Which Python the environments are made with: that of an existing .venv, else python3. `make test PYTHON=python3.12`
PYTHON ?= $(shell test -x .venv/bin/python && echo .venv/bin/python || echo python3)
NEWEST_PYTHON ?= $(PYTHON)

# What is compiled to bytecode is kept, whatever the shell says: every test that starts a program would compile all of it.
unexport PYTHONDONTWRITEBYTECODE

# Further sets of packages: EXTRAS=torch installs requirements/torch.txt too.
EXTRAS ?=
comma := ,
extras := $(sort $(subst $(comma), ,$(EXTRAS)))
unknown := $(filter-out torch,$(extras))
ifneq ($(unknown),)
$(error EXTRAS: unknown '$(unknown)' (known: torch))
endif

# How many tests run at once: a number, 0 for none beside another (to step through one), logical for one on each core.
WORKERS ?= logical
at_once = -n $(WORKERS) --maxprocesses 8 --dist loadgroup

READY := .venv/installed $(extras:%=.venv/installed-%)
# Of what is installed a part is ever imported: compiling all of it takes as long as the rest of the installation.
PIP := -m pip install --quiet --quiet --disable-pip-version-check --no-compile

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1	\2/p' Makefile | expand -t 22
	@echo "Variables: PYTHON, NEWEST_PYTHON, EXTRAS (known: torch), WORKERS"

demo: $(READY) ## predict published measurements, print the table, write build/demo.html
	@mkdir -p build
	.venv/bin/gnomon compare --measurements published --where model=resnet-50,bert-large,gpt2-large,llama-2-7b --rows --sample 1 --report build/demo.html

test: $(READY) ## everything that must hold: style, layers, types, tests, documentation
	@mkdir -p build
	@echo "==> ruff check"
	@.venv/bin/ruff check .
	@echo "==> ruff format --check"
	@.venv/bin/ruff format --check .
	@echo "==> lint-imports"
	@.venv/bin/lint-imports
	@echo "==> mypy, and beside it docs"
	@.venv/bin/mypy & types=$$!; $(sphinx); docs=$$?; wait $$types && exit $$docs
	@echo "==> pytest"
	@.venv/bin/python -m pytest $(at_once) --junit-xml=build/pytest.xml

test-lowest: .venv-lowest/installed ## the tests with the lowest versions that pyproject.toml allows
	@echo "==> pytest, lowest versions"
	@.venv-lowest/bin/python -m pytest $(at_once) -m "not slow" --junit-xml=build/pytest-lowest.xml

test-newest: newest ## the tests with the newest versions, not those of requirements/locked.txt
	@echo "==> pytest, newest versions"
	@.venv-newest/bin/python -m pytest $(at_once) -m "not slow and not compiled" --junit-xml=build/pytest-newest.xml

# Of what repeats, every run of the tests does a part; the files that know of this one do all of it here.
test-long: $(READY) ## what takes minutes: runs killed 200 times at random moments or taken up at every record, all by events
	GNOMON_LONG=1 GNOMON_KILLS=200 GNOMON_TRANSCRIPTS=tests/lab/transcripts \
		.venv/bin/python -m pytest $$(grep -rl "^from tests.long import" tests --include="*.py")

bench: $(READY) ## the benchmarks: speed, as a ratio to a named peer or bound
	.venv/bin/python -m pytest benchmarks

# The folder of the measurements that are not part of this repository; see results/README.md.
GNOMON_SHARED ?= ../shared
table = { echo '$$ gnomon compare --measurements $(1)'; .venv/bin/gnomon compare --measurements $(1); }

results: $(READY) ## write the error tables in results/ anew
	$(call table,published --rows) > results/roofline/published.txt
	$(call table,$(GNOMON_SHARED)/truth/models.csv.gz --where source=NeuSight:label --rows) > results/roofline/models-neusight.txt
	$(call table,$(GNOMON_SHARED)/truth/kernels.csv.gz) > results/roofline/kernels.txt

docs: $(READY) ## build the documentation: build/docs/index.html
	@$(sphinx)
	@echo "build/docs/index.html"

screenshots: $(READY) ## take the pictures of docs/how-to/report.md anew (with Chromium)
	@.venv/bin/python docs/_ext/screenshots.py

sphinx = .venv/bin/python -m sphinx --builder html --fail-on-warning --keep-going --quiet -d build/doctrees docs build/docs

# -- environments ------------------------------------------------------------------------------------------------------

# $(call environment,FOLDER,PYTHON): an empty environment in FOLDER, unless this Python made one for this place already.
define environment
@set -e; \
version=$$($(2) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) \
|| { echo "Gnomon needs Python 3.11 or newer, and '$(2)' does not run: name one that does, like PYTHON=/path/to/python3" >&2; exit 1; }; \
$(2) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
|| { echo "Gnomon needs Python 3.11 or newer, and '$(2)' is Python $$version: name another, like PYTHON=python3.12" >&2; exit 1; }; \
$(2) -c 'import ensurepip, venv' 2>/dev/null \
|| { echo "Gnomon needs Python with venv, and '$(2)' (Python $$version) has none: install it (Debian, Ubuntu: python3-venv) or name another PYTHON" >&2; exit 1; }; \
if [ "$$(cat $(1)/made 2>/dev/null)" != "$$version $(CURDIR)" ]; then \
	echo "==> $(1) with Python $$version"; \
	"$$($(2) -c 'import sys; print(sys._base_executable)')" -m venv --clear $(1); \
	echo "$$version $(CURDIR)" > $(1)/made; \
fi
endef

.venv/made: FORCE
	$(call environment,.venv,$(PYTHON))

.venv-lowest/made: FORCE
	$(call environment,.venv-lowest,$(PYTHON))

.venv-newest/made: FORCE
	$(call environment,.venv-newest,$(NEWEST_PYTHON))

.venv-lock/made: FORCE
	$(call environment,.venv-lock,$(PYTHON))

FORCE:

# $(call install,FOLDER,FILE): the packages of FILE, and Gnomon itself from src.
define install
@echo "==> installing $(2)"
@$(1)/bin/python $(PIP) -r $(2)
@$(1)/bin/python $(PIP) --no-deps --no-build-isolation -e .
@touch $@
endef

.venv/installed: .venv/made requirements/locked.txt pyproject.toml
	$(call install,.venv,requirements/locked.txt)

.venv-lowest/installed: .venv-lowest/made requirements/lowest.txt pyproject.toml
	$(call install,.venv-lowest,requirements/lowest.txt)

# Newest means newest today, so this one asks the package index every time.
newest: .venv-newest/made
	@echo "==> newest versions"
	@.venv-newest/bin/python $(PIP) --upgrade --upgrade-strategy eager -e '.[dev]'

.venv/installed-%: .venv/installed requirements/%.txt
	@echo "==> installing requirements/$*.txt"
	@.venv/bin/python $(PIP) -c requirements/locked.txt -r requirements/$*.txt
	@touch $@

# -- locked versions ---------------------------------------------------------------------------------------------------

resolve = .venv-lock/bin/uv pip compile --universal --python-version 3.11 --upgrade --quiet \
	--no-header --no-emit-index-url --no-emit-find-links --annotation-style line pyproject.toml
written_by = echo "\# Written by \`make lock\`: see README.md in this folder."

# torch.txt leaves out what locked.txt has, and NVIDIA's packages: the wheel of torch that pip takes names those it needs.
lock: .venv-lock/made ## resolve requirements/*.txt anew
	@.venv-lock/bin/python $(PIP) --upgrade uv
	@mkdir -p build
	$(resolve) --extra dev --extra docs -o build/locked.txt
	{ $(written_by); cat build/locked.txt; } > requirements/locked.txt
	$(resolve) --extra dev-torch -c requirements/locked.txt -o build/torch.txt
	{ $(written_by); grep -vE '^(cuda-|nvidia-|triton==)|-c requirements/locked.txt' build/torch.txt; } > requirements/torch.txt
	$(resolve) --extra dev --resolution lowest-direct -o build/lowest.txt
	{ $(written_by); cat build/lowest.txt; } > requirements/lowest.txt

clean: ## remove everything that make made
	rm -rf .venv .venv-lowest .venv-newest .venv-lock build dist
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
