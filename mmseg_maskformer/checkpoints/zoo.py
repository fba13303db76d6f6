"""The files that the paper's authors released (CC BY-NC 4.0), by their zoo names."""

from __future__ import annotations

import difflib
import logging

from torch import Tensor

from mmseg_maskformer.datasets.ade20k_panoptic_classes import things_first

logger = logging.getLogger(__name__)

BASE_URL = "https://dl.fbaipublicfiles.com/maskformer"
LICENSE = "CC BY-NC 4.0"
# The last six characters of each file's name, by the configuration's name.
_FILES = {
    "ade20k-150": {
        "per_pixel_baseline_R50_bs16_160k": "1043f3",
        "per_pixel_baseline_plus_R50_bs16_160k": "833630",
        "maskformer_R50_bs16_160k": "d8dbeb",
        "maskformer_R101_bs16_160k": "1aeb94",
        "maskformer_R101c_bs16_160k": "b432ea",
        "swin/maskformer_swin_tiny_bs16_160k": "8657a5",
        "swin/maskformer_swin_small_bs16_160k": "528157",
        "swin/maskformer_swin_base_IN21k_384_bs16_160k_res640": "45388b",
        "swin/maskformer_swin_large_IN21k_384_bs16_160k_res640": "aefa3b",
    },
    "coco-stuff-10k-171": {
        "per_pixel_baseline_R50_bs32_60k": "275ab0",
        "per_pixel_baseline_plus_R50_bs32_60k": "1fa920",
        "maskformer_R50_bs32_60k": "cb03eb",
        "maskformer_R101_bs32_60k": "eb19bb",
        "maskformer_R101c_bs32_60k": "bffd25",
    },
    "ade20k-full-847": {
        "per_pixel_baseline_R50_bs16_200k": "9f66a9",
        "per_pixel_baseline_plus_R50_bs16_200k": "4d31f2",
        "maskformer_R50_bs16_200k": "f4e3f6",
        "maskformer_R101_bs16_200k": "88df33",
        "maskformer_R101c_bs16_200k": "75d34e",
    },
    "cityscapes-19": {
        "maskformer_R101_bs16_90k": "38c00c",
        "maskformer_R101c_bs16_90k": "4f8ff9",
    },
    "mapillary-vistas-65": {"maskformer_R50_bs16_300k": "f3fc73"},
    "coco-panoptic": {
        "maskformer_panoptic_R50_bs64_554k": "6f60dc",
        "maskformer_panoptic_R101_bs64_554k": "57b049",
        "swin/maskformer_panoptic_swin_tiny_bs64_554k": "539394",
        "swin/maskformer_panoptic_swin_small_bs64_554k": "5bf6b1",
        "swin/maskformer_panoptic_swin_base_IN21k_384_bs64_554k": "4b7f49",
        "swin/maskformer_panoptic_swin_large_IN21k_384_bs64_554k": "7505c4",
    },
    "ade20k-150-panoptic": {
        "maskformer_panoptic_R50_bs16_720k": "7aa977",
        "maskformer_panoptic_R101_bs16_720k": "0b3cc8",
    },
}
_FOLDERS = {
    "ade20k-150": "semantic-ade20k",
    "coco-stuff-10k-171": "semantic-coco-stuff-10k",
    "ade20k-full-847": "semantic-ade20k-full",
    "cityscapes-19": "semantic-cityscapes",
    "mapillary-vistas-65": "semantic-mapillary-vistas",
    "coco-panoptic": "panoptic-coco",
    "ade20k-150-panoptic": "panoptic-ade20k",
}


def zoo_names() -> list[str]:
    """Every released model, as ``data set/configuration``."""
    return [f"{group}/{name}" for group, files in _FILES.items() for name in files]


def zoo_url(name: str) -> str:
    """The address of a released model.

    Args:
        name: for example ``ade20k-150/maskformer_R50_bs16_160k``.

    Raises:
        KeyError: No model was released under that name; the nearest are listed, or all.
    """
    group, _, config = name.partition("/")
    identity = _FILES.get(group, {}).get(config)
    if identity is None:
        near = difflib.get_close_matches(name, zoo_names(), n=3, cutoff=0.3)
        known = f"Near it: {', '.join(near)}" if near else ", ".join(zoo_names())
        raise KeyError(f"No released model is called {name!r}. {known}.")
    folder = config.rpartition("/")[2]
    return f"{BASE_URL}/{_FOLDERS[group]}/{folder}/model_final_{identity}.pkl"


def in_our_class_order(file: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file with its classes in our order.

    Only the authors' panoptic models of ADE20K have another: theirs is that of the
    semantic classes, ours has things before stuff. They are known by their file names.
    """
    identities = _FILES["ade20k-150-panoptic"].values()
    if file not in {f"model_final_{identity}.pkl" for identity in identities}:
        return tensors
    logger.info("The classes of %s are put in our order, things before stuff.", file)
    order = things_first()
    rows = [*order, len(order)]  # "no object" stays the last
    return {
        name: x[rows] if ".predictor.class_embed." in name else x
        for name, x in tensors.items()
    }
