"""A small semantic model, its inputs and its labels."""

from __future__ import annotations

import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

CLASSES = 5
PIXEL_DECODER = dict(
    type="FPNPixelDecoder", out_channels=16, mask_channels=16, num_groups=4
)
TRANSFORMER_DECODER = dict(
    type="TransformerDecoder",
    num_queries=9,
    num_layers=2,
    embed_dim=16,
    num_heads=4,
    ffn_dim=32,
)
NETWORK = dict(
    type="MaskFormer",
    pixel_decoder=PIXEL_DECODER,
    transformer_decoder=TRANSFORMER_DECODER,
)
HEAD = dict(
    type="mmseg_maskformer.MaskFormerHead",
    in_channels=[8, 16, 32, 64],
    num_classes=CLASSES,
    network=NETWORK,
)


def network_of(**changes):
    """Head options with another network."""
    return dict(network={**NETWORK, **changes})


def build(segmentor="EncoderDecoder", test_cfg=None, data_preprocessor=None, **head):
    """A small model, by default in the host's segmentor."""
    init_default_scope("mmseg")
    torch.manual_seed(0)
    backbone = dict(type="ResNet", depth=18, base_channels=8, stem_channels=8)
    model = MODELS.build(
        dict(
            type=segmentor,
            backbone=backbone,
            data_preprocessor=data_preprocessor,
            decode_head={**HEAD, **head},
            train_cfg=dict(),
            test_cfg=ConfigDict(test_cfg or dict(mode="whole")),
        )
    )
    return model.eval()


def build_tiled(**arguments):
    """The same model in our segmentor, which predicts by tiles."""
    return build("mmseg_maskformer.MaskFormerSegmentor", **arguments)


def samples(size, num=2, labels=None, **meta):
    """Data samples of images of one size, with their label maps if given."""
    shapes = dict(img_shape=size, pad_shape=size, ori_shape=size)
    result = []
    for index in range(num):
        info = {**shapes, "img_path": f"street_{index}.png", **meta}
        sample = SegDataSample(metainfo=info)
        if labels is not None:
            sample.gt_sem_seg = PixelData(data=labels[index][None])
        result.append(sample)
    return result


def images(size, num=2):
    """A batch of images of noise."""
    return torch.randn(num, 3, *size, generator=torch.Generator().manual_seed(1))


def label_maps(size, num=2):
    """Random label maps (N, H, W) of all classes."""
    generator = torch.Generator().manual_seed(2)
    return torch.randint(CLASSES, (num, *size), generator=generator)


CASES = {
    "even": dict(size=(64, 96)),
    "odd": dict(size=(67, 101)),
    "smaller than the coarsest stride": dict(size=(20, 17)),
    "resized": dict(size=(64, 96), ori_shape=(81, 120)),
    "padded": dict(size=(64, 96), img_padding_size=(0, 13, 0, 5), ori_shape=(59, 83)),
    "padded, resized": dict(
        size=(64, 96), img_padding_size=(0, 13, 0, 5), ori_shape=(101, 140)
    ),
    "flipped": dict(
        size=(64, 96), flip=True, flip_direction="horizontal", ori_shape=(50, 70)
    ),
    "upside down": dict(size=(67, 101), flip=True, flip_direction="vertical"),
}


SIZE = (64, 96)  # of the images behind the maps and labels of a head


def build_head(**options):
    """The head of that model, with other options."""
    init_default_scope("mmseg")
    torch.manual_seed(0)
    return MODELS.build(HEAD | options)


def feature_maps():
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, channels, SIZE[0] // s, SIZE[1] // s, generator=generator)
        for s, channels in ((4, 8), (8, 16), (16, 32), (32, 64))
    ]


def labelled_samples(void=False):
    labels = torch.full((2, 1, *SIZE), 2)
    labels[..., 70:] = 4
    labels[:, :, :20] = 255
    if void:
        labels[:] = 255
    meta = dict(img_shape=SIZE, ori_shape=SIZE)
    return [
        SegDataSample(metainfo=dict(meta), gt_sem_seg=PixelData(data=x)) for x in labels
    ]
