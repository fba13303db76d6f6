"""Mask2Former's files in all layouts, and models of the other family."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import mmseg
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_maskformer.checkpoints.convert import (
    check_family,
    detect_layout,
    from_ours,
    to_ours,
)
from mmseg_maskformer.checkpoints.layout import MASK2FORMER, MASKFORMER
from mmseg_maskformer.checkpoints.mask2former import (
    FACEBOOKRESEARCH_MASK2FORMER,
    HUGGINGFACE_MASK2FORMER,
    OPENMMLAB_MASK2FORMER,
)
from tests.weights import randomise

R50 = dict(type="ResNet", depth=50, norm_eval=True)
SWIN = dict(
    type="SwinTransformer",
    embed_dims=24,
    depths=(1, 1, 2, 1),
    num_heads=(1, 2, 4, 8),
    window_size=7,
)
SMALL = dict(
    backbone=SWIN,
    pixels=dict(embed_dim=32, mask_channels=48, num_layers=2, ffn_dim=40),
    queries=dict(num_queries=7, num_layers=4, embed_dim=64, ffn_dim=80),
)
LAYOUTS = (
    FACEBOOKRESEARCH_MASK2FORMER,
    OPENMMLAB_MASK2FORMER,
    HUGGINGFACE_MASK2FORMER,
)


def network(pixels=None, queries=None):
    """As the authors' where nothing is said."""
    return dict(
        type="MaskFormer",
        pixel_decoder=dict(type="MSDeformAttnPixelDecoder", **pixels or {}),
        transformer_decoder=dict(type="MaskedTransformerDecoder", **queries or {}),
    )


def widths(backbone):
    first = backbone.get("embed_dims", 256)
    return [first * 2**level for level in range(4)]


def segmentor(num_classes, backbone=R50, **parts):
    """A Mask2Former of ours in MMSegmentation."""
    init_default_scope("mmseg")
    head = dict(
        type="mmseg_maskformer.MaskFormerHead",
        in_channels=widths(backbone),
        num_classes=num_classes,
        network=network(**parts),
    )
    kind = "mmseg_maskformer.MaskFormerSegmentor"
    model = MODELS.build(dict(type=kind, backbone=backbone, decode_head=head))
    return model.eval()


def detector():
    """The authors' model of COCO in MMDetection."""
    mmdet = pytest.importorskip("mmdet.registry")
    init_default_scope("mmdet")
    images = dict(
        type="DetDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
    )
    config = dict(
        type="mmseg_maskformer.MaskFormerDetector",
        backbone=R50,
        decode_head=dict(in_channels=widths(R50), network=network()),
        num_things_classes=80,
        num_stuff_classes=53,
        data_preprocessor=images,
        test_cfg=dict(panoptic_rule="mask2former"),
    )
    return mmdet.MODELS.build(config).eval()


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


def mmdet_model():
    mmdet = pytest.importorskip("mmdet")
    from mmdet.registry import MODELS as KNOWN

    init_default_scope("mmdet")
    name = "mask2former_r50_8xb2-lsj-50e_coco-panoptic.py"
    path = Path(mmdet.__file__).parent / ".mim/configs/mask2former" / name
    config = Config.fromfile(path).model
    config.backbone.init_cfg = None
    return KNOWN.build(config).eval()


def mmseg_model():
    pytest.importorskip("mmdet")
    init_default_scope("mmseg")
    name = "mask2former_r50_8xb2-160k_ade20k-512x512.py"
    path = Path(mmseg.__file__).parent / ".mim/configs/mask2former" / name
    config = Config.fromfile(path).model
    config.backbone.init_cfg = None
    config.backbone.norm_cfg.type = "BN"
    return MODELS.build(config).eval()


def huggingface_model():
    """One of the sizes of SMALL."""
    transformers = pytest.importorskip("transformers")
    backbone = transformers.SwinConfig(
        embed_dim=SWIN["embed_dims"],
        depths=SWIN["depths"],
        num_heads=SWIN["num_heads"],
        window_size=SWIN["window_size"],
        out_features=[f"stage{i}" for i in range(1, 5)],
    )
    config = transformers.Mask2FormerConfig(
        backbone_config=backbone,
        feature_size=32,
        mask_feature_size=48,
        hidden_dim=64,
        encoder_layers=2,
        encoder_feedforward_dim=40,
        decoder_layers=5,
        dim_feedforward=80,
        num_queries=7,
        num_labels=3,
    )
    return transformers.Mask2FormerForUniversalSegmentation(config).eval()


@pytest.mark.mmdet
@pytest.mark.parametrize(("peer", "classes"), [(mmdet_model, 133), (mmseg_model, 150)])
def test_every_tensor_of_openmmlab_has_its_place(peer, classes):
    with torch.device("meta"):
        theirs, ours = peer().state_dict(), segmentor(classes).state_dict()
    layout = detect_layout(theirs)
    assert layout is OPENMMLAB_MASK2FORMER
    found, report = to_ours(theirs, ours, layout)
    assert report.complete
    assert len(found) == len(theirs) == 318 + 292  # ResNet-50 and the head


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


def same(name):
    return name


def static_query(name):
    """The older name of the learned content in the authors' files."""
    return name.replace(".query_feat.", ".static_query.")


def numbered(name):
    """A name of MMDetection 2, whose parts stand in the order of their use."""
    if name.startswith("backbone."):
        return name
    name = re.sub(r"(encoder\.layers\.\d)\.self_attn", r"\1.attentions.0", name)
    for part, number in (("cross_attn", 0), ("self_attn", 1)):
        name = name.replace(f".{part}.attn.", f".attentions.{number}.attn.")
    return name.replace(".ffn.layers.", ".ffns.0.layers.")


@pytest.mark.parametrize(
    ("layout", "older"),
    [
        *((layout, same) for layout in LAYOUTS),
        (FACEBOOKRESEARCH_MASK2FORMER, static_query),
        (OPENMMLAB_MASK2FORMER, numbered),
    ],
    ids=lambda x: getattr(x, "name", None) or x.__name__,
)
def test_round_trip_changes_no_bit(layout, older):
    torch.manual_seed(0)
    start = randomise(segmentor(3, **SMALL)).state_dict()
    written = {older(x): y for x, y in from_ours(start, layout).items()}
    assert detect_layout(written) is layout
    back, report = to_ours(written, start, layout)
    assert report.complete
    assert not report.kept
    assert back.keys() == start.keys()
    assert all(torch.equal(back[name], start[name]) for name in start)
    changed = len(written.keys() - from_ours(start, layout).keys())
    assert changed == {same: 0, static_query: 1, numbered: 72}[older]


FILES = {  # a name that both families' files have, and two of Mask2Former alone
    "authors": (
        "sem_seg_head.pixel_decoder.mask_features.weight",
        "sem_seg_head.pixel_decoder.transformer.level_embed",
        "sem_seg_head.predictor.static_query.weight",
    ),
    "OpenMMLab": (
        "decode_head.query_embed.weight",
        "decode_head.pixel_decoder.level_encoding.weight",
        "decode_head.level_embed.weight",
    ),
    "OpenMMLab, panoptic": (
        "panoptic_head.query_embed.weight",
        "panoptic_head.pixel_decoder.level_encoding.weight",
        "panoptic_head.level_embed.weight",
    ),
    "Hugging Face": (
        "model.pixel_level_module.encoder.embeddings.norm.weight",
        "model.pixel_level_module.decoder.level_embed",
        "model.transformer_module.level_embed.weight",
    ),
    "ours": (
        "decode_head.network.class_head.weight",
        *2 * ("decode_head.network.transformer_decoder.level_embed.weight",),
    ),
}


@pytest.mark.parametrize("names", FILES.values(), ids=FILES)
def test_a_model_of_the_other_family_is_refused(names):
    shared, *own = names
    ours = FILES["ours"]
    models = {MASKFORMER: ours[:1], MASK2FORMER: ours}
    files = {MASKFORMER: [shared, "backbone.level_embed"]}
    for name in own:
        files[MASK2FORMER] = [shared, name]
        for found, file in files.items():
            layout = detect_layout(file)
            check_family(file, models[found], layout)
            (wanted,) = models.keys() - {found}
            message = (
                rf"holds a {found}, but the model of the config is a {wanted}\. Take a "
                rf"config of configs/{found.lower()}, or weights of a {wanted}\."
            )
            with pytest.raises(ValueError, match=message):
                check_family(file, models[wanted], layout)


def test_a_backbone_alone_suits_both_families():
    file = {"stem.conv1.weight": torch.zeros(1)}
    for model in (FILES["ours"], FILES["ours"][:1]):
        check_family(file, model, detect_layout(file))
