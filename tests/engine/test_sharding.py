"""Sharded parameters in two processes, and what is refused; test_stacks.py trains."""

from __future__ import annotations

import copy
import os

import pytest
import torch
from mmengine.registry import STRATEGIES, init_default_scope
from mmseg.structures import SegDataSample
from torch.distributed import destroy_process_group, init_process_group
from torch.distributed.fsdp.wrap import ModuleWrapPolicy
from torch.testing import assert_close

from mmseg_maskformer.checkpoints.convert import from_ours
from mmseg_maskformer.checkpoints.finetune import begin_with
from mmseg_maskformer.checkpoints.openmmlab import OPENMMLAB
from mmseg_maskformer.checkpoints.wrappers import unwrapped
from tests.checkpoints import models
from tests.helpers.scenes import tiny_config, tiny_model

STRATEGY = dict(type="mmseg_maskformer.FSDPStrategy")
CLASSIFIER = "decode_head.network.class_head."


def test_checkpoints_are_whole(tmp_path):
    given = dict(STRATEGY, work_dir=str(tmp_path))
    assert STRATEGIES.build(given)._is_full_state_dict()
    with pytest.raises(ValueError, match=r"^strategy\.state_dict_cfg='local' writes"):
        STRATEGIES.build(dict(given, state_dict_cfg="local"))


def batch_of_two_sizes():
    generator = torch.Generator().manual_seed(0)
    sizes = [(64, 96), (32, 64)]
    samples = [SegDataSample(metainfo=dict(ori_shape=x, img_shape=x)) for x in sizes]
    images = [torch.rand(3, *size, generator=generator) for size in sizes]
    return dict(inputs=images, data_samples=samples)


def labels(model):
    with torch.no_grad():
        return [x.pred_sem_seg.data for x in model.val_step(batch_of_two_sizes())]


def one_of_two(rank, folder):
    """Load the files one after the other; write down what came of each."""
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", LOCAL_RANK=str(rank))
    torch.set_num_threads(1)
    store = f"file://{folder / 'store'}"
    init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    init_default_scope("mmseg")
    # a process of its own begins with this file, where mmcv may lack operators
    from mmseg.models.backbones.resnet import BasicBlock

    blocks = ModuleWrapPolicy({BasicBlock})  # sharded by themselves
    wrapper = dict(device_id="cpu", auto_wrap_policy=blocks)
    settings = dict(STRATEGY, work_dir=str(folder), model_wrapper=wrapper)
    strategy = STRATEGIES.build(settings)
    strategy.prepare(tiny_config())
    model, found = strategy.model.eval(), {}

    def load(name, **options):
        strategy.load_checkpoint(str(folder / f"{name}.pth"), **options)
        weights = copy.deepcopy(dict(strategy.model_state_dict()))
        return weights, str(unwrapped(model).weights_misfit)

    def begin(checkpoint):
        begun = begin_with(unwrapped(model), checkpoint["state_dict"])
        found["begun"] = str(begun)

    found["foreign"] = load("foreign")
    found["labels"] = labels(model)
    found["finetuned"] = load("other", callback=begin)
    load("foreign")
    found["other"] = load("other")
    torch.save(found, folder / f"{rank}.pth")
    destroy_process_group()


@pytest.mark.slow
def test_weights_are_loaded_and_images_evaluated_as_without_shards(tmp_path):
    """Names are converted, misfits seen, classes left, and images of a batch differ."""
    model = models.randomise(tiny_model(), seed=1)
    given = model.state_dict()
    other = models.randomise(tiny_model(num_classes=9), seed=2).state_dict()
    files = dict(foreign=from_ours(given, OPENMMLAB), other=other)
    for name, tensors in files.items():
        torch.save(dict(state_dict=tensors), tmp_path / f"{name}.pth")
    torch.multiprocessing.spawn(one_of_two, (tmp_path,), nprocs=2)
    classifier = {x: y for x, y in given.items() if x.startswith(CLASSIFIER)}
    assert len(classifier) == 2
    misfit = f"2 tensor(s) of another shape, {CLASSIFIER}weight (6, 32) from (10, 32), "
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pth")
        assert found["begun"].startswith(f"{len(other) - 2} tensors loaded (backbone ")
        for name, tensors, said in (
            ("foreign", given, "None"),
            ("finetuned", other | classifier, "None"),
            ("other", other | classifier, misfit),
        ):
            assert found[name][1].startswith(said), name
            if rank == 0:  # which has the whole
                assert_close(found[name][0], dict(tensors), rtol=0, atol=0)
        assert_close(found["labels"], labels(model), rtol=0, atol=0)
