"""MMSegmentation's own models, saved and loaded here: the same outputs and losses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from tests import peers
from tests.checkpoints import models

pytestmark = pytest.mark.mmdet
pytest.importorskip("mmdet")

ADE = "8xb2-160k_ade20k-512x512"
PAIRS = {
    "r50": f"maskformer_r50-d32_{ADE}",
    "r101": f"maskformer_r101-d32_{ADE}",
    "swin-t": f"maskformer_swin-t_upernet_{ADE}",
    "swin-s": f"maskformer_swin-s_upernet_{ADE}",
}
ENCODER = dict(  # mmdet's pixel decoder with six encoder layers
    type="mmdet.TransformerEncoderPixelDecoder",
    norm_cfg=dict(type="GN", num_groups=32),
    act_cfg=dict(type="ReLU"),
    encoder=dict(
        num_layers=6,
        layer_cfg=dict(
            self_attn_cfg=dict(
                embed_dims=256, num_heads=8, dropout=0.1, batch_first=True
            ),
            ffn_cfg=dict(embed_dims=256, feedforward_channels=2048, num_fcs=2),
        ),
    ),
    positional_encoding=dict(num_feats=128, normalize=True),
)


def peer(name, **head):
    """A model of mmseg as shipped, without the weights it would download."""
    init_default_scope("mmseg")
    path = Path(peers.CONFIG).with_name(f"{PAIRS[name]}.py")
    config = Config.fromfile(Path(peers.mmseg.__file__).parent / ".mim" / path).model
    config.backbone.init_cfg = None
    if "resnet" in config.backbone.type.lower():
        config.backbone.norm_cfg.type = "BN"  # SyncBN needs a GPU
    config.decode_head.update(head)
    return models.randomise(MODELS.build(config))


def saved(model, path):
    torch.save(dict(meta={}, state_dict=model.state_dict()), path)
    return str(path)


def sample():
    meta = dict(img_shape=(75, 107), ori_shape=(75, 107), pad_shape=(75, 107))
    meta["batch_input_shape"] = (75, 107)
    labels = torch.full((1, 75, 107), 255)
    labels[:, :40], labels[:, 40:, :50] = 3, 77
    found = SegDataSample(metainfo=meta)
    found.gt_sem_seg = PixelData(data=labels)
    return found


def close(found, expected):
    """Equal to 1e-5 of the largest value."""
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize("name", PAIRS)
def test_outputs_labels_and_losses_equal_those_of_mmseg(name, tmp_path):
    torch.manual_seed(0)
    theirs = peer(name)
    ours = models.ours(f"maskformer_{name}_{ADE}")
    load_checkpoint(ours, saved(theirs, tmp_path / "theirs.pth"), strict=False)
    image, data = models.odd_image(), [sample()]
    with torch.no_grad():
        maps = theirs.extract_feat(image)
        classes, masks = theirs.decode_head(maps, data)
        found = ours.decode_head(ours.extract_feat(image))
        for layer in range(6):
            close(found.class_logits[layer], classes[layer])
            close(found.mask_logits(layer), masks[layer])
        labels = [
            model.predict(image, [sample()])[0].pred_sem_seg.data
            for model in (ours, theirs)
        ]
        assert torch.equal(*labels)
        ours_lost, theirs_lost = (x.loss(image, [sample()]) for x in (ours, theirs))
    assert ours_lost.keys() == theirs_lost.keys()
    for term, value in theirs_lost.items():
        assert ours_lost[term] == pytest.approx(float(value), rel=1e-5)


def test_the_encoder_variant_equals_that_of_mmdet(tmp_path):
    torch.manual_seed(0)
    theirs = peer("r50", pixel_decoder=ENCODER, enforce_decoder_input_project=False)
    encoder = {
        "decode_head.network.pixel_decoder.encoder": dict(type="TransformerEncoder")
    }
    ours = models.ours(f"maskformer_r50_{ADE}", **encoder)
    load_checkpoint(ours, saved(theirs, tmp_path / "theirs.pth"))
    image = models.odd_image()
    with torch.no_grad():
        classes, masks = theirs.decode_head(theirs.extract_feat(image), [sample()])
        found = ours.decode_head(ours.extract_feat(image))
    close(found.class_logits[-1], classes[-1])
    close(found.mask_logits(), masks[-1])


def test_names_from_before_mmdet_3_are_understood():
    from mmseg_maskformer.checkpoints.convert import OPENMMLAB, to_ours

    renamed = {}
    for name, tensor in peer("r50").state_dict().items():
        if name.startswith("decode_head.transformer_decoder."):
            name = name.replace(".self_attn.attn.", ".attentions.0.attn.")
            name = name.replace(".cross_attn.attn.", ".attentions.1.attn.")
            name = name.replace(".ffn.layers.", ".ffns.0.layers.")
        renamed[name] = tensor
    assert "decode_head.transformer_decoder.layers.5.ffns.0.layers.1.bias" in renamed
    converted, report = to_ours(renamed, models.ours().state_dict(), OPENMMLAB)
    assert report.complete
    # every tensor has its place: 265 + 53 counters of the backbone, 144 of the head
    assert len(converted) == len(renamed) == 318 + 144
