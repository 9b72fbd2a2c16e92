# Everything works on a machine with Python >= 3.11, pip and make. Begin with `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test quirks faults seeds mutants soak detection-live sweeps docs bench shrinks explorations lint clean

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Every shipped scenario in both worlds of virtual time, digests compared pair by pair, and a page to look at; then one
# of them in all three, and a page that has them side by side. A machine that is too slow for that one says so there.
demo: $(READY)
	$(BIN)/meshsim run scenarios/fast --backend both --jobs 2 --out out/demo --report reports/demo.html
	$(BIN)/meshsim run scenarios/fast/proc-exits-with-error.toml --backend all --time-scale 0.4 --allow-inconclusive \
		--out out/three-worlds --report reports/three-worlds.html

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Everything that must hold before a change lands. One worker for each core; tests with real processes share one.
test: lint
	$(BIN)/python -m pytest -n 2 --dist loadgroup

# Every surprise of the modelled system, with its quirk and without, in both worlds: quirk by profile and backend.
quirks: $(READY)
	$(BIN)/meshsim quirks --run --backend both

# Every kind of fault on objects and on processes of the kernel, in lockstep and free, with what the kernel said of it;
# writes docs/faults.md.
faults: $(READY)
	$(BIN)/meshsim faults --run --backend all --time-scale 0.5 --jobs 4 --page docs/faults.md

# The fast suite as a careful engineer would want the system, under fresh seeds: SEEDS of them, drawn from SEED if given.
SEEDS ?= 200
seeds: $(READY)
	$(BIN)/meshsim run scenarios/fast --backend sim --profile fixed --seeds $(SEEDS) $(if $(SEED),--seed $(SEED)) \
		--jobs 2 --keep red --out out/seeds --check-determinism 0.5%

# A hundred small ways to break the modelled system, each against the fast suite; writes docs/mutants.md.
mutants: $(READY)
	$(BIN)/python -m tests.mutants --out docs/mutants.md

# Five hundred lockstep runs of the busiest scenarios while two burners take the cores; writes reports/soak.md.
soak: $(READY)
	$(BIN)/python -m benchmarks.soak --out reports

# Two hundred seeded kills in live runs, one poll a second: how long until they are found; writes reports/detection-live/.
detection-live: $(READY)
	$(BIN)/python -m benchmarks.detection --out reports/detection-live

# The worked examples of docs/sweeps.md, from nothing: tables, pages and figures in reports/sweeps/.
sweeps: $(READY)
	rm -rf reports/sweeps
	sed -n 's|^\$$ meshsim|$(BIN)/meshsim|p' docs/sweeps.md | sh -e
	rm -f reports/sweeps/*/*.png

# The pages of docs/ that are made from the model's tables.
docs: $(READY)
	$(BIN)/python -m docs

# Speed beside a baseline in the same run; writes reports/benchmark.md. Not part of the tests.
bench: $(READY)
	$(BIN)/python -m benchmarks --out reports

# Fifty findings of twelve faults, shrunk: how few are left, and how soon; writes reports/shrinking.md.
shrinks: $(READY)
	$(BIN)/python -m benchmarks.shrinks --out reports

# What each strategy of exploring finds unaided in ten minutes on all cores; writes reports/explorations.md: an hour.
explorations: $(READY)
	$(BIN)/python -m benchmarks.explorations --out reports

clean:
	rm -rf $(VENV) out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
