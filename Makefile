# make demo    the whole story on one radiograph; results in demo-output/
# make test    all checks and tests
# make help    the other targets

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= ../shared/data/cxr-adult
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DELETE_ON_ERROR:
.PHONY: help demo test lint picture docs benchmark-rd benchmark-levels benchmark-ablation benchmark-modalities benchmark-speed venv clean

help:
	@echo "make demo             protect and open one radiograph; results in demo-output/"
	@echo "make test             lint, types, import rules, tests"
	@echo "make lint             the first two of these"
	@echo "make benchmark-rd     quality against bytes; DATA=folder with index.csv"
	@echo "make benchmark-levels    what levels cost; DATA likewise"
	@echo "make benchmark-ablation  what each part of the codec is worth; DATA likewise"
	@echo "make benchmark-modalities  CT, MR and others against JPEG 2000"
	@echo "make benchmark-speed  time and memory"
	@echo "make docs             regenerate docs/cli.md"
	@echo "make picture          regenerate the picture in README.md"
	@echo "make clean            remove everything that make made"
	@echo "PYTHON=python3.12 chooses the interpreter (3.11 or newer)."

demo: $(VENV)/demo.stamp
	$(BIN)/python -m demo.run

test: lint
	$(BIN)/python -m pytest -n auto

# What needs torch can only be type-checked where that is installed (extras train, evaluate, attacks).
lint: $(VENV)/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	if $(BIN)/python -c "import torch" 2>/dev/null; then $(BIN)/mypy; \
	  else $(BIN)/mypy --exclude 'src/primis/(train|study|evaluate|attacks|report)/'; fi

picture: $(VENV)/demo.stamp
	$(BIN)/python -m demo.run --picture docs/images/comparison.jpg

docs: $(VENV)/dev.stamp
	$(BIN)/python docs/generate_cli.py

benchmark-rd: $(VENV)/benchmark.stamp
	$(BIN)/python -m benchmarks.rate_distortion --data $(DATA) --equal-bytes JPEG "JPEG 2000"

benchmark-levels: $(VENV)/benchmark.stamp
	$(BIN)/python -m benchmarks.levels --data $(DATA)

benchmark-ablation: $(VENV)/benchmark.stamp
	$(BIN)/python -m benchmarks.ablation --data $(DATA)

benchmark-modalities: $(VENV)/benchmark.stamp
	$(BIN)/python -m benchmarks.modalities

benchmark-speed: $(VENV)/benchmark.stamp $(VENV)/demo.stamp
	$(BIN)/python -m benchmarks.speed

venv: $(VENV)/pyvenv.cfg

clean:
	rm -rf $(VENV) demo-output build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis \
	  .import_linter_cache

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "primis needs Python 3.11 or newer: try make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear $(VENV)

# One stamp per extra of pyproject.toml: what is installed stays until that file changes.
$(VENV)/%.stamp: pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "installing primis[$*] into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --editable '.[$*]'
	@touch $@
