"""The predictor: files, arrays, batches, results by task, and what it refuses."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from PIL import Image

from mmseg_maskformer.engine.models import untrained_model
from mmseg_maskformer.inference import Found, MissingResultError, Predictor
from tests.helpers.inference import (
    PANOPTIC,
    SCENES,
    noise,
    write_images,
    write_weights,
)


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path / "images")


@pytest.fixture
def scenes(tmp_path):
    """The semantic model of scenes, and its weights."""
    return SCENES, write_weights(tmp_path)


def labels(found):
    return found.result("semantic").data[0].numpy()


def test_files_arrays_and_batches_are_alike(images, scenes):
    predictor = Predictor(*scenes, device="cpu")
    alone = list(predictor(images))
    assert [labels(x).shape for x in alone] == [(64, 64), (64, 96), (64, 64)]
    together = predictor([str(x) for x in images], batch_size=3)
    arrays = predictor([cv2.imread(str(x)) for x in images], batch_size=2)
    for one, other, third in zip(alone, together, arrays, strict=True):
        assert len(np.unique(labels(one))) > 1
        assert (labels(one) == labels(third)).mean() > 0.999
        assert (labels(one) == labels(other)).mean() > 0.999
    (single,) = predictor(images[0])
    np.testing.assert_array_equal(labels(single), labels(alone[0]))


@pytest.fixture
def kept(images, tmp_path, monkeypatch):
    """Of a config: a predictor, an image, what it says of it, and what others find.

    ``find`` predicts the image with changes of ``test_cfg`` by a model of its own.
    """

    def keep(config):
        files = config, write_weights(tmp_path, config, pixels=noise(64, 96, seed=1))
        predictor, other = (Predictor(*files, device="cpu") for _ in range(2))
        loaded = predictor.load(images[1])
        logits = predictor.logits(loaded)
        monkeypatch.setattr(predictor.model, "extract_feat", None)  # not once more
        before = dict(other.model.test_cfg or {})

        def find(**changes):
            other.model.test_cfg = before | changes
            return next(other(images[1]))

        return predictor, loaded, logits, find

    return keep


def test_rules_are_applied_again_to_what_the_network_said(kept):
    predictor, loaded, logits, find = kept(SCENES)
    maps = []
    for changes in (
        {},
        dict(semantic_rule="general", object_mask_thr=0.5),
        dict(semantic_rule="general", object_mask_thr=0.9),
        dict(semantic_rule="iterative", iou_thr=0.3),
    ):
        maps.append(labels(predictor.apply_rules(loaded, logits, **changes)))
        np.testing.assert_array_equal(maps[-1], labels(find(**changes)))
    assert len({x.tobytes() for x in maps}) == 4
    with pytest.raises(ValueError, match=r"unknown keys \['threshold'\]"):
        predictor.apply_rules(loaded, logits, threshold=0.5)
    windows = dict(mode="slide", crop_size=(32, 32), stride=(32, 32))
    text = r"mode='slide' predicts windows.*mode=whole"
    with pytest.raises(ValueError, match=text):
        predictor.apply_rules(loaded, logits, **windows)
    predictor.model.test_cfg = windows
    with pytest.raises(ValueError, match=text):
        predictor.logits(loaded)


def test_rules_are_those_that_the_model_has(kept):
    predictor, loaded, logits, _ = kept(SCENES)
    predictor.model.decode_head.network.per_pixel = True
    with pytest.raises(ValueError, match="a per-pixel model has none; leave it out"):
        predictor.apply_rules(loaded, logits, semantic_rule="general")


@pytest.mark.mmdet
def test_results_of_a_detector_are_made_again_one_by_one(kept):
    predictor, loaded, logits, find = kept(PANOPTIC)
    numbers = []
    for changes in (
        dict(object_mask_thr=0.1, iou_thr=0.0),
        dict(object_mask_thr=0.9, iou_thr=0.0),
        dict(object_mask_thr=0.1, iou_thr=0.1),  # with void
    ):
        found = predictor.apply_rules(loaded, logits, **changes, semantic_on=False)
        assert "pred_sem_seg" not in found.sample
        encoded = found.encoded("panoptic")
        np.testing.assert_array_equal(encoded, find(**changes).encoded("panoptic"))
        numbers.append(len(np.unique(encoded)))
    assert numbers == [5, 2, 4]
    changes = dict(instance_on=True, score_thr=0.5)
    found = predictor.apply_rules(loaded, logits, **changes).result("instance")
    wanted = find(**changes).result("instance")
    assert 1 < len(found) < len(find(instance_on=True).result("instance"))
    assert torch.equal(found.scores, wanted.scores)
    assert torch.equal(found.masks, wanted.masks)


def test_pictures_show_the_task_that_is_asked_for():
    """Three fifths of a colour and two of the grey below: 0.6 * 200 + 0.4 * 100.

    Objects of a score below the threshold are left out, stuff has no outline, and the
    sample of 2 x 2 pixels is enlarged to 384 x 384, its corners free of text.
    """
    sample = dict(
        pred_sem_seg=PixelData(data=torch.tensor([[[0, 0], [1, 255]]])),
        pred_panoptic_seg=PixelData(sem_seg=torch.tensor([[[1, 1], [2, 2]]])),
        pred_instances=InstanceData(
            masks=torch.tensor([[[1, 0], [0, 0]], [[0, 1], [0, 0]]]).bool(),
            labels=torch.tensor([1, 1]),
            scores=torch.tensor([0.7, 0.4]),
        ),
    )
    sample = BaseDataElement(**sample)
    meta = dict(classes=("a", "b"), palette=[[200, 0, 0], [0, 200, 0]])
    found = Found(sample, np.full((2, 2, 3), 100, np.uint8), meta)
    red, green, grey = (160, 40, 40), (40, 160, 40), (100, 100, 100)

    def corners(*arguments):
        picture = found.picture(*arguments)
        assert picture.shape == (384, 384, 3)
        # a pixel of each corner, inside of outlines
        return [tuple(picture[y, x].tolist()) for y in (9, -9) for x in (9, -9)]

    assert corners("semantic") == [red, red, green, grey]
    assert corners() == corners("panoptic") == [green, green, grey, grey]
    assert corners("instance") == [green, grey, grey, grey]
    assert corners("instance", 0.3)[:1] == [green]
    assert corners("instance", 0.3)[1] not in (grey, green)  # another shade
    del sample.pred_panoptic_seg
    assert corners() == corners("instance")


def test_what_is_not_there_is_named(images, scenes, tmp_path):
    config, path = scenes
    with pytest.raises(FileNotFoundError, match="no config file nowhere"):
        Predictor("nowhere.py", path)
    with pytest.raises(FileNotFoundError, match="no checkpoint file nowhere"):
        Predictor(config, "nowhere.pth")
    torch.save(dict(state_dict={"head.weight": torch.zeros(3)}), tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other\.pth"):
        Predictor(config, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"no test_dataloader.*val_dataloader"):
        Predictor(config, path, overrides=dict(test_dataloader=None))
    with pytest.raises(ValueError, match="randomnes.*nothing reads one .*randomness"):
        Predictor(config, path, overrides={"randomnes.seed": 1})
    predictor = Predictor(config, path)
    with pytest.raises(OSError, match=r"nowhere\.jpg"):
        next(predictor("nowhere.jpg"))
    with pytest.raises(ValueError, match="batch_size must be positive, got 0"):
        next(predictor(images, batch_size=0))
    with pytest.raises(ValueError, match="has 4 channels, but the backbone takes 3"):
        predictor.load(np.zeros((8, 8, 4), np.uint8))
    for wrong in (Image.open(images[0]), torch.zeros(8, 8, 3)):
        for given in (wrong, [wrong]):
            with pytest.raises(TypeError, match=r"(PngImageFile|Tensor): give a path"):
                next(predictor(given))
    (found,) = predictor(images[0])
    with pytest.raises(ValueError, match=r"'instances' is none of \('panoptic', 'in"):
        found.result("instances")
    text = r"no panoptic result; it makes \['semantic'\].*panoptic_on=True"
    with pytest.raises(MissingResultError, match=text):
        found.picture("panoptic")
    with pytest.raises(MissingResultError, match="uncertainty=True"):
        found.confidence()
    found.sample.pred_instances = InstanceData(scores=torch.ones(1))  # and boxes
    with pytest.raises(MissingResultError, match="no masks.*--no-pictures"):
        found.picture("instance")


def test_a_class_of_another_number_in_the_weights_is_refused(scenes):
    config, path = scenes
    classes = list(Predictor(config, path).meta["classes"])
    saved = torch.load(path)

    def predictor(names):
        torch.save(saved | dict(meta=dict(dataset_meta=dict(classes=names))), path)
        return Predictor(config, path)

    predictor([*classes[:-1], "renamed"])
    first, second, *others = classes
    text = rf"'{second}' is number 0 in the checkpoint and 1 in .*\.py: "
    with pytest.raises(ValueError, match=text):
        predictor([second, first, *others])


@pytest.mark.parametrize(
    "config", [SCENES, pytest.param(PANOPTIC, marks=pytest.mark.mmdet)]
)
def test_steps_that_move_the_image_are_refused(config, tmp_path):
    """Results are brought to the size of the file as if they did not."""
    path = write_weights(tmp_path, config)
    pack = "PackSegInputs" if config == SCENES else "PackDetInputs"

    def predictor(**step):
        key = "test_dataloader.dataset.pipeline"
        return Predictor(config, path, overrides={key: [step, dict(type=pack)]})

    predictor(type="Resize", scale=(96, 64))
    flip = dict(type="RandomFlip", prob=1.0)
    steps = dict(type="Pad", size=(300, 300)), dict(type="CenterCrop", crop_size=64)
    if config == SCENES:
        predictor(**flip)  # segmentors turn their results back
    else:
        steps = *steps, flip
    for step in steps:
        with pytest.raises(ValueError, match=f"^{step['type']} in .*pads, flips, crop"):
            predictor(**step)


def test_a_loader_of_the_host_stays(scenes, tmp_path):
    """JPEG by OpenCV, as in tools/test.py, and an error that names the file."""
    load = [dict(type="LoadImageFromFile"), dict(type="PackSegInputs")]
    overrides = {"test_dataloader.dataset.pipeline": load}
    predictor = Predictor(*scenes, overrides=overrides)
    path = tmp_path / "image.jpg"
    Image.fromarray(noise(64, 96)).save(path, quality=30)
    pixels = predictor.load(path).pixels
    np.testing.assert_array_equal(pixels, cv2.imread(str(path)))
    path.write_bytes(b"no image")
    with pytest.raises(OSError, match=r"image\.jpg cannot be read"):
        predictor.load(path)


def test_a_model_of_the_host_takes_images_of_any_sizes(tmp_path):
    """Its own preprocessor refuses a batch of two."""
    head = dict(type="FCNHead", in_channels=32, channels=8, num_classes=3)
    head["loss_decode"] = dict(type="CrossEntropyLoss", avg_non_ignore=True)
    model = dict(
        type="EncoderDecoder",
        data_preprocessor=dict(type="SegDataPreProcessor"),
        backbone=dict(type="ResNet", depth=18, base_channels=4, stem_channels=4),
        decode_head=head,
        test_cfg=dict(mode="whole"),
    )
    load = [dict(type="LoadImageFromFile"), dict(type="PackSegInputs")]
    data = dict(type="BaseSegDataset", metainfo=dict(classes=list("abc")))
    test = dict(dataset=dict(data, pipeline=load))
    config = Config(dict(default_scope="mmseg", model=model, test_dataloader=test))
    files = tmp_path / "config.py", tmp_path / "weights.pth"
    config.dump(files[0])
    torch.manual_seed(0)
    torch.save(dict(state_dict=untrained_model(config).state_dict()), files[1])
    predictor = Predictor(*files, device="cpu")
    arrays = [noise(8, width, seed) for seed, width in enumerate((8, 9, 8))]
    alone, together = (
        [x.sample.seg_logits.data for x in predictor(arrays, batch_size=number)]
        for number in (1, 3)
    )
    assert len({x.sum().item() for x in alone}) == 3
    torch.testing.assert_close(together, alone)


def test_classes_need_names_and_no_colours(images, scenes, tmp_path):
    dataset = dict(_delete_=True, type="BaseSegDataset", data_root="nowhere")
    dataset["pipeline"] = [dict(type="PackSegInputs")]
    key = "test_dataloader.dataset"
    with pytest.raises(ValueError, match="does not name its classes"):
        Predictor(*scenes, overrides={key: dataset})
    dataset["metainfo"] = dict(classes=[f"class {k}" for k in range(12)])
    (found,) = Predictor(*scenes, overrides={key: dataset})(images[0])
    assert len(found.meta["palette"]) == len(found.meta["classes"]) == 12
