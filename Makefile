# Every target sets up .venv by itself: `make book` and `make test` are all a
# reader needs. PYTHON=... chooses the Python that .venv is made from.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
TESTS := tests --ignore=tests/exercises --ignore=tests/benchmarks

.PHONY: help venv book pdf test test-long test-lowest lint exercises check \
	chapters benchmark clean

help:
	@echo "make book         render the book into book/html; OPEN=1 opens it,"
	@echo "                  STRICT=1 fails on any warning"
	@echo "make pdf          print the book into book/tinygen.pdf"
	@echo "make exercises    copy the exercise notebooks to answers/"
	@echo "make check        check the answers"
	@echo "make test         the tests, about 4 minutes once compiled"
	@echo "make test-long    the thorough tests, up to an hour"
	@echo "make chapters     run the chapters again and store the outputs;"
	@echo "                  CHECK=1 compares instead, FAST=1 only runs them,"
	@echo "                  NAMES='04_1_gan ...' picks some"
	@echo "make benchmark    the engine beside PyTorch, 5 minutes; on a quiet"
	@echo "                  machine. ONLY=steps, ops or start: a part"
	@echo "make lint         the style, notebooks included"
	@echo "make test-lowest  the tests on the oldest NumPy, Numba, Matplotlib"
	@echo "make clean        remove .venv and what builds leave behind"

venv: $(READY)

$(READY): requirements.txt book/requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "No python3 found: install Python 3.11."; \
		exit 1; }
	@test -x $(PY) || "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info \
		< (3, 11) and "tinygen needs Python 3.11 or newer; this is " \
		+ sys.version.split()[0] + ". Name one: make PYTHON=python3.12")'
	@test -x $(PY) || { echo "Making $(VENV): once, a few minutes."; \
		"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; }
	@$(PY) -m pip install --quiet --disable-pip-version-check \
		-r requirements.txt
	@touch $@

$(READY_DEV): $(READY)
	@$(PY) -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

book: $(READY)
	@$(PY) book/build.py $(if $(STRICT),--strict) $(if $(OPEN),--open)

# By Chromium, which has to be there
pdf: $(READY_DEV)
	@$(PY) book/pdf.py

test: $(READY)
	$(PY) -m pytest $(TESTS)

# With axe-core for tests/test_accessibility.py
test-long: $(READY_DEV)
	$(PY) -m pytest $(TESTS) -m long

# The oldest versions that pyproject.toml admits, in an environment apart.
# They warn that their newer companions have deprecated what they call.
test-lowest:
	"$(PYTHON)" -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet \
		-c tests/lowest.txt -r requirements.txt
	.venv-lowest/bin/python -m pytest $(TESTS) -W ignore::DeprecationWarning

lint: $(READY_DEV)
	$(PY) -m ruff check .

exercises: $(READY)
	@$(PY) -m tinygen.exercises copy

# pytest's exit code 5: no test was collected, so nothing is wrong
check: $(READY)
	@$(PY) -m pytest tests/exercises || test $$? -eq 5

chapters: $(READY)
	$(if $(FAST),TINYGEN_FAST=1) $(PY) book/chapters.py \
		$(if $(CHECK),check,execute) $(NAMES)

# For a comparison: PyTorch, and what maintainers have
benchmark: $(READY_DEV)
	@$(PY) -c "import torch; exit(torch.__version__[:6] != '2.13.0')" \
		2>/dev/null || $(PY) -m pip install --quiet \
		--disable-pip-version-check torch==2.13.0
	$(PY) tests/benchmarks/run.py $(if $(ONLY),--only $(ONLY))

clean:
	rm -rf $(VENV) .venv-lowest book/_build tinygen.egg-info .pytest_cache
	find tinygen tests -name __pycache__ -prune -exec rm -rf {} +
