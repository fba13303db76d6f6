# `make help` says what there is. Every target makes the environment it needs.

PYTHON ?= python3
VENV := .venv
VENV_OPENMMLAB := .venv-openmmlab
PIP_INSTALL := -m pip install --no-input --disable-pip-version-check

# Tests run in two processes of one thread each, a file as a whole in one of them.
PARALLEL := -n 2 --dist loadfile
FAST := tests/core tests/adapters tests/checkpoints/test_convert.py
# Where the code of mmdet's half and that of mmseg's are neighbours.
SEMANTIC := tests/adapters tests/datasets tests/checkpoints tests/visualization \
    tests/tools/comparison tests/tools/query_lib tests/test_package.py
# What the hosts need beside torch, timm, transformers and what these bring.
WHEELS := onedl-mmengine onedl-mmcv onedl-mmsegmentation onedl-mmdetection addict yapf \
    platformdirs termcolor terminaltables prettytable wcwidth ftfy pycocotools shapely \
    imaug imagecorruptions-imaug

.PHONY: help demo demo-panoptic demo-mask2former lint gpu evidence wheels
.PHONY: test test-fast test-openmmlab test-without-mmdet
.DEFAULT_GOAL := help

help:
	@echo "make demo              train and evaluate on made-up scenes, about 5 minutes"
	@echo "make demo-panoptic     the same with panoptic segmentation, about 5 minutes"
	@echo "make demo-mask2former  Mask2Former on the panoptic demo's scenes, about 7 minutes"
	@echo "make test              run all tests"
	@echo "make test-fast         run the tests of core and adapters that are not slow"
	@echo "make test-without-mmdet   run semantic tests where mmdet cannot be imported"
	@echo "make test-openmmlab    run the tests of the host seams on upstream OpenMMLab"
	@echo "make lint              ruff and mypy"
	@echo "make gpu               tests, benchmarks and a training on a GPU, about 8 minutes"
	@echo "make evidence          trainings on real images, days on a CPU; goes on if stopped"
	@echo "make wheels            the hosts as wheels, for a GPU machine without network"
	@echo ""
	@echo "The first one creates $(VENV) (Python >= 3.10, several GB with torch)."
	@echo "Another interpreter: make demo PYTHON=/path/to/python3"

demo: $(VENV)/ready
	$(VENV)/bin/python tools/demo.py

demo-panoptic: $(VENV)/ready
	$(VENV)/bin/python tools/demo.py --panoptic

demo-mask2former: $(VENV)/ready
	$(VENV)/bin/python tools/demo.py --mask2former

test: $(VENV)/ready
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -q -rs $(PARALLEL)

test-fast: $(VENV)/ready
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -q -m "not slow" $(PARALLEL) $(FAST)

test-without-mmdet: export MASKFORMER_WITHOUT := mmdet
test-without-mmdet: $(VENV)/ready
	@echo "==> Collecting all tests without mmdet"
	@$(VENV)/bin/python -m pytest -qq --collect-only | { ! grep -E "^(ERROR|E ) "; }
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -q -rs \
	    -m "not slow and not mmdet" $(PARALLEL) $(SEMANTIC)

test-openmmlab: $(VENV_OPENMMLAB)/ready
	$(VENV_OPENMMLAB)/bin/python -m pytest -q tests/test_compat.py tests/test_stacks.py \
	    tests/adapters/test_panoptic.py tests/adapters/test_panoptic_results.py \
	    tests/export/test_network.py

lint: $(VENV)/ready
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

gpu: $(VENV)/ready
	$(VENV)/bin/python tools/gpu.py --out work_dirs/gpu

evidence: $(VENV)/ready
	$(VENV)/bin/python tools/evidence.py

wheels: $(VENV)/ready
	$(VENV)/bin/python -m pip wheel --no-deps --wheel-dir wheels $(WHEELS)

$(VENV)/ready: EXTRAS := onedl,test
$(VENV_OPENMMLAB)/ready: EXTRAS := openmmlab,test
$(VENV)/ready $(VENV_OPENMMLAB)/ready: setup.py pyproject.toml
	@command -v "$(PYTHON)" > /dev/null || { \
	    echo "There is no $(PYTHON): install Python 3.10 or newer, or name one with" \
	        "make PYTHON=/path/to/python3."; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	    echo "$$("$(PYTHON)" --version) is too old: Python 3.10 or newer is needed," \
	        "name one with make PYTHON=/path/to/python3."; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2> /dev/null || { \
	    echo "$(PYTHON) has no venv module: install it (on Debian and Ubuntu:" \
	        "apt install python3-venv) and run make again."; exit 1; }
	@echo "==> Creating the environment $(@D) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv "$(@D)"
	@echo "==> Installing torch, the OpenMMLab hosts and this package into $(@D)"
	@$(@D)/bin/python $(PIP_INSTALL) --upgrade pip && \
	    $(@D)/bin/python $(PIP_INSTALL) --editable ".[$(EXTRAS)]" || { \
	    echo "The installation into $(@D) failed; pip's last lines say why. It needs the" \
	        "network (PyPI) and several GB of disk. Run make again to continue."; \
	    exit 1; }
	@echo "==> Checking that the hosts can be imported"
	@$(@D)/bin/python -W ignore -c 'import mmseg_maskformer, mmseg.models' || { \
	    echo "mmseg cannot be imported from $(@D); the last line above says why. If it" \
	        "names libGL or libgthread: apt install libgl1 libglib2.0-0."; exit 1; }
	@touch "$@"
