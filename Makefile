# make course   install, fetch, execute every lesson, site    make check      lint and unit tests, a few minutes
# make test     most tests, and every notebook with nbval    make notebooks  rebuild notebooks from authoring/
# make lab      open JupyterLab in your own workspace         make records    rerun the multi-seed experiments
# make site     the lessons as offline HTML in build/site     make clean      delete what was built
# make doctor   what this machine has, what is wrong          make instructor  notes, slides, timetables to teach with
# make test-full  the tests that take minutes, too           make test FORCE=1  notebooks known to pass, too

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: help course test test-full lab site instructor check doctor notebooks records clean

help:
	@sed -n '/^$$/q; s/^# //p' Makefile

course: $(VENV)/.installed
	$(BIN)/tl-course run
	$(BIN)/python -m authoring.site

test: $(VENV)/.installed-test
	$(BIN)/tl-course test $(if $(FORCE),--force)

test-full: $(VENV)/.installed-full
	$(BIN)/tl-course test --full $(if $(FORCE),--force)

check: $(VENV)/.installed-test
	$(BIN)/tl-course test --quick

lab: $(VENV)/.installed
	$(BIN)/tl-course start$(if $(ALLOW_ROOT), -- --allow-root)

site: $(VENV)/.installed
	$(BIN)/python -m authoring.site

instructor: $(VENV)/.installed
	$(BIN)/python -m authoring.instructor

doctor: $(VENV)/.installed
	$(BIN)/tl-course doctor

notebooks: $(VENV)/.installed-test
	$(BIN)/python -m authoring.build

records: $(VENV)/.installed
	$(BIN)/python -m authoring.records $(ONLY)

clean:
	rm -rf build
	find tl_course authoring tests -name __pycache__ -prune -exec rm -rf {} +

# A stamp is written only after the installation went through, so that an interrupted one is taken up again.
$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -c constraints.txt -e ".[book]"
	touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -c constraints.txt -e ".[book,test]"
	touch $(VENV)/.installed $@

$(VENV)/.installed-full: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -c constraints.txt -e ".[book,test,browser]"
	touch $(VENV)/.installed $(VENV)/.installed-test $@

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "The course needs Python 3.11 or newer; none was found. Install it, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
