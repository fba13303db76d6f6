"""Outputs with Mask2Former's files equal those of the models that wrote them."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from mmengine.runner import load_checkpoint
from mmseg.structures import SegDataSample

from mmseg_maskformer.checkpoints.convert import from_ours
from mmseg_maskformer.checkpoints.mask2former import FACEBOOKRESEARCH_MASK2FORMER
from tests.helpers.mask2former import (
    SMALL,
    detector,
    huggingface_model,
    mmdet_model,
    segmentor,
)
from tests.weights import randomise


@pytest.fixture(scope="module")
def released(golden, golden_rule, tmp_path_factory):
    """A file as the authors release it, and the outputs of their model with it."""
    outputs = np.load(golden / "mask2former_panoptic_coco_r50.npz")
    shapes = json.loads(str(outputs["keys"]))
    layout = FACEBOOKRESEARCH_MASK2FORMER
    initial = from_ours(detector().state_dict(), layout)
    tensors = {}
    for name, shape in shapes.items():
        override = f"override/{name}"
        if override in outputs.files:
            tensors[name] = outputs[override]
        elif not name.endswith(golden_rule.KEPT):
            tensors[name] = golden_rule.value(name, tuple(shape))
        elif name in initial:
            tensors[name] = initial[name].numpy()
    path = tmp_path_factory.mktemp("released") / "model_final_000000.pkl"
    path.write_bytes(pickle.dumps(dict(model=tensors, __author__="a person")))
    return path, outputs


def largest(found, expected):
    return float((found - torch.from_numpy(expected)).abs().max())


@pytest.fixture(scope="module")
def golden_batch(golden_rule):
    """The image as files are read, BGR; the network sees 224 x 288 of it."""
    from mmdet.structures import DetDataSample

    # the answer has 250 x 331
    sample = DetDataSample(metainfo=dict(ori_shape=(250, 331), img_shape=(203, 269)))
    pixels = torch.from_numpy(golden_rule.image(203, 269)).flip(0)
    return dict(inputs=[pixels], data_samples=[sample])


def attended(model, images):
    """Predictions, and which cells each layer hides from its queries."""
    decoder, masks = model.decode_head.network.transformer_decoder, []
    kept = decoder.attention_mask
    decoder.attention_mask = lambda *x: masks.append(kept(*x)) or masks[-1]
    with torch.no_grad():
        found = model.decode_head(model.extract_feat(images))
    del decoder.attention_mask
    return found, torch.cat([x.flatten() for x in masks])


@pytest.mark.mmdet
def test_from_the_authors_file_to_the_results(released, golden_batch):
    """In float64: in float32 rounding may turn a bit of a mask, and all that follows.

    One bit of the sixth layer, at a logit of -6e-6, is 0.2 in the class logits.
    """
    path, expected = released
    model = detector()
    load_checkpoint(model, str(path), strict=True)
    batch = model.data_preprocessor(golden_batch)
    first = expected["aux0_class_logits"]
    single, bits = attended(model, batch["inputs"])
    assert largest(single.class_logits[0][0], first) < 1e-6 * abs(first).max()
    images = batch["inputs"].double()
    found, exact = attended(model.double(), images)
    assert (bits != exact).sum() <= 40  # one in ten thousand
    assert largest(found.class_logits[0][0], first) < 1e-6 * abs(first).max()
    assert largest(found.class_logits[-1][0], expected["class_logits"]) < 0.1
    assert largest(found.mask_logits()[0], expected["mask_logits"]) < 0.02
    with torch.no_grad():
        (sample,) = model.predict(images, batch["data_samples"])
    labels = sample.pred_sem_seg.sem_seg[0].numpy()
    assert (labels == expected["sem_map"]).mean() >= 0.999
    for name, thresholds in (("", (0.8, 0.8)), ("_low", expected["thresholds_low"])):
        model.test_cfg.update(object_mask_thr=thresholds[0], iou_thr=thresholds[1])
        with torch.no_grad():
            (sample,) = model.predict(images, batch["data_samples"])
        wanted = np.full((250, 331), 133)
        for segment in json.loads(str(expected[f"panoptic_info{name}"])):
            place = expected[f"panoptic_map{name}"] == segment["id"]
            wanted[place] = segment["category_id"]
        classes = sample.pred_panoptic_seg.sem_seg[0].numpy() % 1000
        assert (classes == wanted).mean() >= 0.999


@pytest.mark.mmdet
def test_outputs_equal_those_of_mmdet():
    torch.manual_seed(0)
    theirs = randomise(mmdet_model())
    ours = segmentor(133)
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    meta = dict(batch_input_shape=(64, 96), img_shape=(64, 96), ori_shape=(64, 96))
    samples = [SegDataSample(metainfo=meta)]
    with torch.no_grad():
        classes, masks = theirs.panoptic_head(theirs.extract_feat(image), samples)
        found = ours.decode_head(ours.extract_feat(image))
    assert len(classes) == len(found.class_logits) == 10
    for layer, tolerance in ((0, 1e-5), (1, 1e-4), (9, 1e-3)):
        close(found.class_logits[layer], classes[layer], tolerance)
        close(found.mask_logits(layer), masks[layer], tolerance)


def close(found, expected, tolerance):
    assert (found - expected).abs().max() < tolerance * expected.abs().max()


@pytest.mark.parametrize("form", ["file", "live names"])
def test_outputs_equal_those_of_huggingface(form, tmp_path):
    torch.manual_seed(0)
    theirs, ours = randomise(huggingface_model()), segmentor(3, **SMALL)
    if form == "file":
        theirs.save_pretrained(tmp_path)
        load_checkpoint(ours, str(tmp_path / "model.safetensors"))
    else:
        ours.load_state_dict(theirs.state_dict(), strict=False)
    assert ours.weights_misfit is None
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = theirs(image, output_auxiliary_logits=True)
        found = ours.decode_head(ours.extract_feat(image))
    first = expected.auxiliary_logits[0]
    close(found.class_logits[0], first["class_queries_logits"], 1e-5)
    close(found.mask_logits(0), first["masks_queries_logits"], 1e-5)
    close(found.class_logits[-1], expected.class_queries_logits, 1e-4)
    close(found.mask_logits(), expected.masks_queries_logits, 1e-4)
