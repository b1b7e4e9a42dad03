# amdc's two commands are `make demo` and `make test`; each sets up what it needs: a virtual environment, and compilers from the
# ziglang wheel where no clang >= 19 with the AMDGPU target is found. No root.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test types suite test-slow conformance benchmark validate-timing peers tuned-database clean

demo: $(VENV)/demo.stamp
	$(BIN)/amdc demo

test: $(VENV)/dev.stamp
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(MAKE) --jobs=2 types suite

types: $(VENV)/dev.stamp
	$(BIN)/python tests/run_mypy.py

suite: $(VENV)/dev.stamp
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --cov=amdc --cov=passes --cov=codegen --cov=kernels --cov-report=term

test-slow: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m slow --timeout=3600 --numprocesses auto --dist loadfile

conformance: $(VENV)/dev.stamp
	status=0; for device in host sim; do $(BIN)/python -m amdc.onnx_backend --device $$device || status=$$?; done; exit $$status

benchmark: $(VENV)/dev.stamp
	$(BIN)/python benchmarks/models.py
	$(BIN)/python benchmarks/simulator.py
	$(BIN)/python benchmarks/transformers_models.py

validate-timing: $(VENV)/dev.stamp
	$(BIN)/python benchmarks/validate_timing.py --record

peers: $(VENV)/dev.stamp
	$(BIN)/python benchmarks/peers/run.py

# The kernel search over the benchmark models' operators, for the database that ships with amdc: up to an hour, resumable.
tuned-database: $(VENV)/dev.stamp
	$(BIN)/python benchmarks/tuned_database.py

$(VENV)/demo.stamp: setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable ".[demo]"
	touch $@

$(VENV)/dev.stamp: setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable ".[dev]"
	touch $@ $(VENV)/demo.stamp

clean:
	rm -rf $(VENV) out build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
