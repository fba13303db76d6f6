"""The hook that compares the classes of model and data before the first iteration."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import BaseLoop, Runner
from torch import nn

from mmseg_maskformer.datasets.image_scales import REMEDY
from tests.helpers.image_scales import Images, resizing

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
PANOPTIC = dict(
    classes=("cell", "fibre", "sky"),
    thing_classes=("cell", "fibre"),
    stuff_classes=("sky",),
)
OBJECTS = dict(classes=("cell", "fibre"))


class Model(nn.Module):
    def __init__(self, things, stuff):
        super().__init__()
        self.num_things_classes, self.num_stuff_classes = things, stuff


class Semantic(nn.Module):
    def __init__(self, *num_classes):
        super().__init__()
        heads = [nn.Identity() for _ in num_classes]
        for head, number in zip(heads, num_classes, strict=True):
            head.num_classes = number
        self.decode_head = nn.ModuleList(heads) if len(heads) > 1 else heads[0]


class Wrapped(nn.Module):
    """Like DistributedDataParallel, whose attributes are not the model's."""

    def __init__(self, module):
        super().__init__()
        self.module = module


def loader(metainfo):
    dataset = SimpleNamespace(metainfo=metainfo, ann_file="x.json")
    if isinstance(metainfo, list):
        dataset.datasets = [SimpleNamespace(metainfo=x) for x in metainfo]
    return SimpleNamespace(dataset=dataset)


def runner(model, train=PANOPTIC, val=PANOPTIC):
    return SimpleNamespace(
        model=model,
        train_dataloader=loader(train),
        val_dataloader=loader(val),
        test_dataloader=loader(val),
        val_loop=None if val is None else SimpleNamespace(evaluator=SimpleNamespace()),
        test_loop=SimpleNamespace(evaluator=SimpleNamespace()),
        visualizer=SimpleNamespace(),
    )


def hook() -> Hook:
    return HOOKS.build(dict(type="mmseg_maskformer.CheckClassesHook"))


@pytest.mark.parametrize(
    ("things", "stuff", "metainfo"), [(2, 1, PANOPTIC), (2, 0, OBJECTS)]
)
def test_equal_numbers_pass(things, stuff, metainfo):
    given = runner(Model(things, stuff), metainfo, metainfo)
    for stage in ("before_train", "before_val", "before_test"):
        getattr(hook(), stage)(given)


@pytest.mark.parametrize(
    ("things", "stuff", "metainfo", "message"),
    [
        (3, 1, PANOPTIC, r"classes=3 and .*=1, .* x\.json has 2 things and 1 stuff"),
        (2, 0, PANOPTIC, r"classes=2 and .*=0, .* x\.json has 2 things and 1 stuff"),
        (2, 1, OBJECTS, r"classes=2 and .*=1, .* x\.json has 2 things and 0 stuff"),
    ],
)
def test_other_numbers_are_refused(things, stuff, metainfo, message):
    wrong = runner(Model(things, stuff), metainfo, metainfo)
    for stage, split in (("train", "train"), ("val", "val"), ("test", "test")):
        with pytest.raises(
            ValueError, match=message + r".*Write model=dict\("
        ) as error:
            getattr(hook(), f"before_{stage}")(wrong)
        assert f"of the {split} data set" in str(error.value)


def test_training_checks_the_data_of_evaluation_too():
    with pytest.raises(ValueError, match="of the val data set"):
        hook().before_train(runner(Model(2, 1), val=OBJECTS))
    hook().before_train(runner(Model(2, 1), val=None))


TURNED = dict(classes=OBJECTS["classes"][::-1])


def test_a_class_has_one_number_in_training_and_evaluation():
    """Or a perfect model would score nothing."""
    message = r"class 'cell' is number 0 in x\.json and 1 in x\.json.*same order"
    with pytest.raises(ValueError, match=message):
        hook().before_train(runner(Model(2, 0), OBJECTS, TURNED))


def test_stuff_before_things_is_refused():
    """Its labels would be below the number of things."""
    metainfo = PANOPTIC | dict(classes=("sky", "cell", "fibre"))
    with pytest.raises(ValueError, match="train data set x.json is not thing_classes"):
        hook().before_train(runner(Model(2, 1), metainfo))


class Loop(BaseLoop):
    def __init__(self, metainfo):
        self.dataloader = loader(metainfo)

    def run(self):
        pass


@pytest.mark.parametrize(
    ("train", "resume", "saved", "refused"),
    [
        (None, False, TURNED, True),
        (None, False, OBJECTS, False),
        (None, False, dict(classes=("nucleus", "fibre")), False),  # renamed
        (None, False, None, False),  # says nothing
        (Loop(OBJECTS), True, TURNED, True),
        (Loop(OBJECTS), False, TURNED, False),  # a training begins
    ],
)
def test_a_class_has_one_number_in_a_checkpoint_and_the_data(
    train, resume, saved, refused
):
    given = SimpleNamespace(
        _train_loop=train, _val_loop={}, _test_loop=Loop(OBJECTS), _resume=resume
    )
    checkpoint = dict(meta=dict(dataset_meta=saved))
    message = r"class 'fibre' is number 0 in the checkpoint and 1 in x\.json"
    with pytest.raises(ValueError, match=message) if refused else nullcontext():
        hook().after_load_checkpoint(given, checkpoint)


class Metric:
    """Like one of the hosts."""

    __module__ = "mmseg.evaluation.metrics"


def test_an_evaluation_by_class_needs_names():
    given = runner(Semantic(3), val={})
    hook().before_train(given)
    given.val_loop.evaluator.metrics = [Metric()]
    message = r"^The val data set x\.json names no classes, which Metric needs\. Write"
    with pytest.raises(ValueError, match=message):
        hook().before_val(given)


def test_training_and_evaluation_agree_in_the_zero_label():
    given = runner(Semantic(3))
    given.train_dataloader.dataset.reduce_zero_label = True
    given.val_dataloader.dataset.reduce_zero_label = True
    hook().before_train(given)
    given.val_dataloader.dataset.reduce_zero_label = False
    message = "has reduce_zero_label=True, the val data set x.json has False: .*Say the"
    with pytest.raises(ValueError, match=message):
        hook().before_train(given)
    right, other = given.val_dataloader.dataset, given.train_dataloader.dataset
    for joined in ([right, other], [other, right]):
        given.train_dataloader.dataset = SimpleNamespace(datasets=joined)
        hook().before_train(given)


def test_joined_data_sets_may_differ_in_colours():
    """MMDetection's ConcatDataset then has a list for metainfo."""
    given = runner(Model(2, 1), *2 * [[PANOPTIC, PANOPTIC | dict(palette=[])]])
    hook().before_train(given)
    assert given.val_loop.evaluator.dataset_meta == PANOPTIC
    hook().before_test(given)
    assert given.test_loop.evaluator.dataset_meta == PANOPTIC
    assert given.visualizer.dataset_meta == PANOPTIC
    with pytest.raises(ValueError, match="num_things_classes=3"):
        hook().before_train(runner(Model(3, 1), [PANOPTIC, PANOPTIC]))


def test_joined_data_sets_of_different_classes_are_refused():
    message = r"different classes in metainfo: .'cell', 'fibre', 'sky'. in the first"
    with pytest.raises(ValueError, match=message):
        hook().before_train(runner(Model(2, 1), [PANOPTIC, OBJECTS]))


def test_data_sets_without_a_file_are_named_by_their_class():
    wrong = runner(Model(1, 1))
    wrong.train_dataloader.dataset.ann_file = ""
    with pytest.raises(ValueError, match="train data set SimpleNamespace has 2 things"):
        hook().before_train(wrong)


def test_wrapped_data_sets_are_named_by_the_first_file():
    wrong = runner(Model(1, 1))
    inner = wrong.train_dataloader.dataset
    joined = SimpleNamespace(metainfo=inner.metainfo, datasets=[inner, None])
    wrong.train_dataloader.dataset = SimpleNamespace(
        metainfo=inner.metainfo, dataset=joined
    )
    with pytest.raises(ValueError, match=f"train data set {inner.ann_file} has 2"):
        hook().before_train(wrong)


def test_other_models_are_left_alone():
    hook().before_train(runner(nn.Identity()))


def test_data_sets_that_name_no_classes_are_left_alone():
    for metainfo in ({}, dict(classes=None), None):
        hook().before_train(runner(Semantic(5), metainfo, metainfo))


@pytest.mark.parametrize("wrap", [lambda model: model, Wrapped])
def test_wrapped_models_are_checked(wrap):
    with pytest.raises(ValueError, match="num_things_classes=4"):
        hook().before_train(runner(wrap(Model(4, 1))))
    with pytest.raises(ValueError, match="num_classes=4"):
        hook().before_train(runner(wrap(Semantic(4))))


def test_the_last_head_of_a_segmentor_has_as_many_classes_as_its_data():
    # a cascade's first may have another number, a head of depths has one
    for right in (Semantic(3), Semantic(7, 3), Semantic(1)):
        hook().before_train(runner(right))
    for wrong in (Semantic(2), Semantic(3, 2)):
        given = runner(wrong)
        message = (
            r"^decode_head has num_classes=2, but .* of the test data set x\.json has "
            r"3 classes\. Write model=dict\(decode_head=dict\(num_classes=3\)\), or"
        )
        with pytest.raises(ValueError, match=message):
            hook().before_test(given)


def test_folders_of_label_maps_stand_for_a_file():
    wrong = runner(Semantic(5))
    wrong.train_dataloader.dataset.ann_file = ""
    wrong.train_dataloader.dataset.data_prefix = dict(seg_map_path="my/labels")
    with pytest.raises(ValueError, match="of the train data set my/labels has 3"):
        hook().before_train(wrong)


def test_auxiliary_heads_have_as_many_classes_too():
    given = runner(Semantic(3))
    for right in (Semantic(3), Semantic(3, 1)):
        given.model.auxiliary_head = right.decode_head
        hook().before_train(given)
    given.model.auxiliary_head = Semantic(150).decode_head
    with pytest.raises(ValueError, match=r"^auxiliary_head has num_classes=150, but"):
        hook().before_train(given)
    given.model.auxiliary_head = Semantic(3, 150).decode_head
    message = r"^auxiliary_head\[1\] has .*Set model\.auxiliary_head\[1\]\.num_cl"
    with pytest.raises(ValueError, match=message):
        hook().before_train(given)


@pytest.mark.mmdet
def test_training_by_a_config_ends_before_its_first_iteration(
    configured_data, tmp_path, monkeypatch
):
    pytest.importorskip("mmdet")
    leaf = "maskformer/maskformer_r18-6enc_1xb4-5k_dsb2018-panoptic.py"
    config = Config.fromfile(CONFIGS / leaf)
    config.work_dir = str(tmp_path)
    config.model.num_stuff_classes = 2
    started = Runner.from_cfg(config)
    monkeypatch.setattr(torch.nn.Module, "__call__", None)  # nothing is computed
    message = r"_classes=2, .* train data set .*panoptic_train\.json has 1 things and 1"
    with pytest.raises(ValueError, match=message):
        started.train()


def test_a_training_that_shows_images_smaller_than_evaluation_is_warned_of():
    said = []
    for evaluated in (Images(), Images(resizing(0.25))):
        given = runner(Model(2, 1))
        given.logger = SimpleNamespace(warning=said.append)
        given.train_dataloader.dataset = Images(resizing(0.25))
        given.val_dataloader.dataset = evaluated
        hook().before_train(given)
    assert len(said) == 1  # of the first
    assert said[0].endswith(f"objects are 4.0 times larger than in training. {REMEDY}")
