"""The files that the papers' authors released (CC BY-NC 4.0), by their zoo names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from torch import Tensor

BASE_URL = "https://dl.fbaipublicfiles.com/maskformer"
LICENSE = "CC BY-NC 4.0"
# The last six characters of each file's name, by the configuration's name.
_MASKFORMER = {
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
# The same of Mask2Former, by data set and task; the names are those of its folders.
_MASK2FORMER = {
    "coco/panoptic": {
        "maskformer2_R50_bs16_50ep": "94dc52",
        "maskformer2_R101_bs16_50ep": "b807bd",
        "maskformer2_swin_tiny_bs16_50ep": "9fd0ae",
        "maskformer2_swin_small_bs16_50ep": "a407fd",
        "maskformer2_swin_base_384_bs16_50ep": "9d7f02",
        "maskformer2_swin_base_IN21k_384_bs16_50ep": "54b88a",
        "maskformer2_swin_large_IN21k_384_bs16_100ep": "f07440",
    },
    "coco/instance": {
        "maskformer2_R50_bs16_50ep": "3c8ec9",
        "maskformer2_R101_bs16_50ep": "eba159",
        "maskformer2_swin_tiny_bs16_50ep": "86143f",
        "maskformer2_swin_small_bs16_50ep": "1e7f22",
        "maskformer2_swin_base_384_bs16_50ep": "f6e0f6",
        "maskformer2_swin_base_IN21k_384_bs16_50ep": "83d103",
        "maskformer2_swin_large_IN21k_384_bs16_100ep": "e5f453",
    },
    "cityscapes/panoptic": {
        "maskformer2_R50_bs16_90k": "4ab90c",
        "maskformer2_R101_bs16_90k": "04d286",
        "maskformer2_swin_tiny_bs16_90k": "ceba0f",
        "maskformer2_swin_small_bs16_90k": "23efb7",
        "maskformer2_swin_base_IN21k_384_bs16_90k": "fa840f",
        "maskformer2_swin_large_IN21k_384_bs16_90k": "064788",
    },
    "cityscapes/instance": {
        "maskformer2_R50_bs16_90k": "01a8ed",
        "maskformer2_R101_bs16_90k": "c2b8c8",
        "maskformer2_swin_tiny_bs16_90k": "6a63f8",
        "maskformer2_swin_small_bs16_90k": "974824",
        "maskformer2_swin_base_IN21k_384_bs16_90k": "7a3b6d",
        "maskformer2_swin_large_IN21k_384_bs16_90k": "dfa862",
    },
    "cityscapes/semantic": {
        "maskformer2_R50_bs16_90k": "cc1b1f",
        "maskformer2_R101_bs16_90k": "257ce8",
        "maskformer2_swin_tiny_bs16_90k": "2d58d4",
        "maskformer2_swin_small_bs16_90k": "fa26ae",
        "maskformer2_swin_base_IN21k_384_bs16_90k": "1c6b65",
        "maskformer2_swin_large_IN21k_384_bs16_90k": "17c1ee",
    },
    "ade20k/panoptic": {
        "maskformer2_R50_bs16_160k": "5c90d4",
        "maskformer2_swin_large_IN21k_384_bs16_160k": "e0c58e",
    },
    "ade20k/instance": {
        "maskformer2_R50_bs16_160k": "67e945",
        "maskformer2_swin_large_IN21k_384_bs16_160k": "92dae9",
    },
    "ade20k/semantic": {
        "maskformer2_R50_bs16_160k": "500878",
        "maskformer2_R101_bs16_90k": "0d68be",
        "maskformer2_swin_tiny_bs16_160k": "5274a6",
        "maskformer2_swin_small_bs16_160k": "011c6d",
        "maskformer2_swin_base_384_bs16_160k_res640": "503e96",
        "maskformer2_swin_base_IN21k_384_bs16_160k_res640": "7e47bf",
        "maskformer2_swin_large_IN21k_384_bs16_160k_res640": "6b4a3a",
    },
    "mapillary_vistas/panoptic": {
        "maskformer_R50_bs16_300k": "4e9874",
        "maskformer2_swin_large_IN21k_384_bs16_300k": "132c71",
    },
    "mapillary_vistas/semantic": {
        "maskformer_R50_bs16_300k": "6c66d0",
        "maskformer2_swin_large_IN21k_384_bs16_300k": "90ee2d",
    },
}


def zoo_names(scheme: str = "maskformer") -> list[str]:
    """Every released model, as ``data set/configuration``.

    Args:
        scheme: "maskformer" or "mask2former"; the latter's names are
            ``data set/task/configuration``.
    """
    files = _MASKFORMER if scheme == "maskformer" else _MASK2FORMER
    return [f"{group}/{name}" for group, found in files.items() for name in found]


def zoo_url(name: str, scheme: str = "maskformer") -> str:
    """The address of a released model.

    Args:
        name: for example ``ade20k-150/maskformer_R50_bs16_160k``, or of "mask2former"
            ``coco/panoptic/maskformer2_R50_bs16_50ep``.
        scheme: "maskformer" or "mask2former".

    Raises:
        ValueError: No model was released under that name; the nearest are listed, or
            all.
    """
    known = zoo_names(scheme)
    if name not in known:
        other = "mask2former" if scheme == "maskformer" else "maskformer"
        if name in zoo_names(other):
            raise ValueError(
                f"{name!r} is a model of the other family: it is called "
                f"{other}://{name}, and needs a config of configs/{other}."
            )
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.3)
        listed = f"Near it: {', '.join(near)}" if near else ", ".join(known)
        raise ValueError(f"No released model is called {name!r}. {listed}.")
    if scheme == "mask2former":
        group, _, config = name.rpartition("/")
        file = f"model_final_{_MASK2FORMER[group][config]}.pkl"
        return f"{BASE_URL}/mask2former/{name}/{file}"
    group, _, config = name.partition("/")
    file = f"model_final_{_MASKFORMER[group][config]}.pkl"
    return f"{BASE_URL}/{_FOLDERS[group]}/{config.rpartition('/')[2]}/{file}"


# Released panoptic models with classes in the order of the semantic data set, which has
# things among stuff or behind it: their files, and their repositories on the hub.
_INTERLEAVED = {
    "ade20k": (_MASKFORMER["ade20k-150-panoptic"], _MASK2FORMER["ade20k/panoptic"]),
    "cityscapes": (_MASK2FORMER["cityscapes/panoptic"],),
    "mapillary": (_MASK2FORMER["mapillary_vistas/panoptic"],),
}
_HUB_RELEASED = re.compile(r"(hf://)?facebook/mask(2)?former-.+")
_HUB = re.compile(
    r"facebook/mask2former-.*-(ade|cityscapes|mapillary)(-vistas)?-panoptic"
)
_CLASSES = re.compile(r"sem_seg_head\.predictor\.class_embed\.|class_predictor\.")


def class_order(source: str, orders: Mapping[str, Sequence[int]]) -> list[int] | None:
    """The rows of a released panoptic file's class layer in our order.

    Args:
        source: name of the file, or of a repository on the hub.
        orders: by data set ("ade20k", "cityscapes", "mapillary") the semantic class
            that each class of ours is.

    Returns:
        None where the file is not known, or has its things first.
    """
    data = _interleaved(source)
    if data is None:
        return None
    return [*orders[data], len(orders[data])]  # "no object" stays the last


def reorder_classes(tensors: dict[str, Tensor], rows: Sequence[int]) -> None:
    """Put the classes in our order, things before stuff, in place.

    Args:
        tensors: in the authors' layout or that of the hub.
        rows: of :func:`class_order`.
    """
    tensors |= {name: x[rows] for name, x in tensors.items() if _CLASSES.match(name)}


def is_released(source: str) -> bool:
    """Whether the authors' file is called so, whose order of classes is known.

    Args:
        source: path, address, zoo name or repository.
    """
    groups = [*_MASKFORMER.values(), *_MASK2FORMER.values()]
    files = {f"model_final_{x}.pkl" for group in groups for x in group.values()}
    named = source.startswith(("maskformer://", "mask2former://"))
    hub = _HUB_RELEASED.fullmatch(source) is not None
    return named or hub or source.rpartition("/")[2] in files


def _interleaved(source: str) -> str | None:
    """The data set of a released panoptic model whose classes are in another order."""
    for data, groups in _INTERLEAVED.items():
        identities = {x for group in groups for x in group.values()}
        if source in {f"model_final_{identity}.pkl" for identity in identities}:
            return data
    found = _HUB.fullmatch(source)
    return found and found[1].replace("ade", "ade20k")
