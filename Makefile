# Every task of the project; `make help` lists them.

PYTHON ?= python3
PY := .venv/bin/python
TORCH = $(shell sed -n 's/^TORCH=//p' tools/environment.sh)
PROCESSES ?= 2
# A file's tests stay in one process, one after another: what they share is made once. torch's threads spin while they
# wait, which takes the core from the process beside, unless they are told not to.
PYTEST = env -u MAKEFLAGS OMP_WAIT_POLICY=PASSIVE $(PY) -m pytest -q -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --durations 40 --durations-min 2
export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1
# The tests start hundreds of processes, each of which would compile all of the package that it imports.
unexport PYTHONDONTWRITEBYTECODE
# Where .venv is a link to another checkout's, it has that one's package.
export PYTHONPATH := $(CURDIR)/src$(if $(PYTHONPATH),:$(PYTHONPATH))

.PHONY: help demo test suite beside test-fast fuzz soak lint style types docs page ui-test chromium systemd nginx screenshots evenings format same-pictures bench binary binary-test release toybox toybox-controls toybox-flow toybox-figures clean

help:  ## list the tasks
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

.venv/ready: pyproject.toml tools/environment.sh
	@PYTHON=$(PYTHON) sh tools/environment.sh

demo: .venv/ready  ## make a picture with MODEL (Toybox if not said) and PROMPT, in this folder
	@$(PY) tools/demo.py $(if $(MODEL),--model "$(MODEL)") $(if $(PROMPT),"$(PROMPT)")

# A run of minutes beside others: a failure or two are looked at again, alone (tests/alone.py).
ALONE = -p tests.alone --alone 3

test: .venv/ready style chromium systemd nginx  ## lint, types and all tests, in two PROCESSES and one for the page's
	@$(MAKE) --no-print-directory -j 2 suite beside

suite: .venv/ready
	$(PYTEST) $(ALONE) --ignore=tests/page

# What the others leave of two cores while they wait for systemd, a watchdog or a file. The page's tests are apart in any
# case, since Playwright keeps an event loop running for as long as its process lives; what they say stays together.
BESIDE = build/tests-of-the-page.log
beside: types
	@mkdir -p $(dir $(BESIDE))
	@$(PYTEST) -n 1 $(ALONE) tests/page > $(BESIDE) 2>&1; told=$$?; cat $(BESIDE); exit $$told

test-fast: .venv/ready  ## the tests that take moments
	$(PYTEST) -m "not slow" --ignore=tests/page

fuzz: .venv/ready  ## 6,000 requests that /openapi.json allows and forbids, then five minutes of texts and files to be moderated
	$(PY) -m tests.server.test_properties 6000
	$(PY) -m tests.faults.moderated 300

soak: .venv/ready  ## half an hour of pictures, kills and broken files (MINUTES, PICTURES)
	$(PY) -m tests.faults.soak $(or $(MINUTES),30) --pictures $(or $(PICTURES),2000)

same-pictures: .venv/ready  ## the pictures, recipes and saved files of this tree against those of commit BEFORE
	@test -n "$(BEFORE)" || { echo "say against which commit: make same-pictures BEFORE=main"; exit 2; }
	$(PY) -m tools.same_pictures against "$(BEFORE)" $(if $(MENDED),--mended $(MENDED))

lint: style types  ## style and types

style: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: .venv/ready
	.venv/bin/mypy

docs: .venv/ready  ## write the tables in docs/ anew, from the code
	$(PY) -m tools.document

page: .venv/ready  ## join ui/src into the pages that ship
	$(PY) -m tools.build_page

chromium:  ## install the browser that the page's tests drive, where that can be done
	@sh tools/chromium.sh

systemd:  ## install what the tests of the service need, where that can be done; they need root
	@sh tools/systemd.sh

nginx:  ## fetch the nginx that the tests of a proxy run, where that can be done
	@sh tools/nginx.sh

ui-test: .venv/ready chromium  ## the page, in a real browser
	$(PYTEST) tests/page tests/server/test_page.py tests/tools/test_build_page.py

screenshots: .venv/ready chromium  ## pictures of the page for the README, into docs/screenshots
	$(PY) -m tools.screenshots

evenings: .venv/ready chromium  ## spend three evenings at the page, clicks counted, into docs/evenings.md and docs/screenshots
	$(PY) -m tools.evenings

binary: .venv/ready  ## build dist/imagine, one file that needs no Python (docs/binary.md)
	@$(PY) -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['binary'], sep='\n')" | \
		$(PY) -m pip install -q --disable-pip-version-check -r /dev/stdin
	$(PY) -m tools.binary.build

binary-test: export IMAGINE_BINARY := $(CURDIR)/dist/imagine
binary-test: export IMAGINE_RUNTIME := $(CURDIR)/build/binary/runtime
binary-test: .venv/ready  ## the built binary: alone in an empty root, killed, started twice, and the tests of servers
	timeout 1200 $(PY) -m pytest -q tests/frozen tests/systemd/test_binary_service.py tests/server/test_real_worker.py tests/cli/test_original_examples.py

release: .venv/ready  ## what people download, into dist/release: the file for CPUs, the one with CUDA, checksums, an installer (FLAVOURS, TORCH)
	$(PY) -m tools.binary.release $(FLAVOURS) --torch "torch==$(TORCH)"

format: .venv/ready  ## put the code into its one style
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

toybox: .venv/ready  ## train the shipped model from nothing (about four hours on two cores)
	$(PY) -m tools.toybox.train

toybox-loras: .venv/ready  ## teach the shipped model its LoRAs and its embedding, and write their cards (about ten minutes)
	$(PY) -m tools.toybox.lora
	$(PY) -m tools.toybox.embedding
	$(PY) -m tools.toybox.taught

toybox-controls: .venv/ready  ## train what holds the shipped model to maps and references, and write its cards (about an hour)
	$(PY) -m tools.toybox.beside.train
	$(PY) -m tools.toybox.beside.figures

toybox-flow: .venv/ready  ## train the flow-matching model of the same world and its LoRA, measure them, write the card (some hours)
	$(PY) -m tools.toybox.flow.train
	$(PY) -m tools.toybox.flow.lora
	$(PY) -m tools.toybox.flow.evaluate
	$(PY) -m tools.toybox.flow.card

toybox-figures: .venv/ready  ## measure the shipped model and rewrite its card
	$(PY) -m tools.toybox.evaluate
	$(PY) -m tools.toybox.card

clean:  ## forget the environment and all caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache build dist
