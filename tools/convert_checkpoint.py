"""Convert a checkpoint: any known layout to ours, or ours to Hugging Face's.

python tools/convert_checkpoint.py model_final_d8dbeb.pkl maskformer_r50.pth \
    --config configs/maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py
python tools/convert_checkpoint.py work_dirs/mine/iter_160000.pth folder \
    --config my_config.py --to huggingface
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader
from torch import Tensor

from mmseg_maskformer.adapters.host import prepare_host
from mmseg_maskformer.checkpoints.files import read_content, tensors_by_name
from mmseg_maskformer.checkpoints.huggingface_export import export_to_huggingface
from mmseg_maskformer.checkpoints.huggingface_images import other_images
from mmseg_maskformer.checkpoints.loading import make_ours, warn_of_order, with_source
from mmseg_maskformer.checkpoints.zoo import class_order
from mmseg_maskformer.datasets.class_orders import CLASS_ORDERS
from mmseg_maskformer.datasets.metainfo import (
    check_class_order,
    saved_classes,
    saved_palette,
)
from mmseg_maskformer.engine.arguments import add_cfg_options, new_output
from mmseg_maskformer.engine.config_files import read_config
from mmseg_maskformer.engine.models import untrained_model
from mmseg_maskformer.engine.results.described_images import described_images
from shared.ending import ending_in_sentences
from shared.output import written_whole

SCHEMES = ("maskformer://", "mask2former://", "hf://", "http://", "https://")


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "input",
        help="file, address, maskformer://NAME, mask2former://NAME or hf://REPOSITORY",
    )
    parser.add_argument(
        "output", type=new_output, help="file, or folder with --to huggingface"
    )
    parser.add_argument("--config", required=True, help="config of the model")
    parser.add_argument("--to", choices=["ours", "huggingface"], default="ours")
    add_cfg_options(parser)
    args = parser.parse_args()
    if args.to == "ours":
        require_own_format(args.output)
    return args


def require_own_format(path: Path) -> None:
    """Refuse a name by which what :func:`save` writes would be read as another format.

    Raises:
        SystemExit: It has the suffix of one.
    """
    if path.suffix.lower() in (".safetensors", ".pkl"):
        raise SystemExit(
            f"{path} would be read as {path.suffix}, but torch.save writes it: name it "
            f"{path.with_suffix('.pth')}."
        )


def read(name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What a file holds, or what is behind a scheme; no code from it runs.

    Returns:
        Tensors by name, and the ``meta`` of a checkpoint that names its classes, with
        the colours that the hosts paint them in.
    """
    prepare_host()
    if name.startswith(SCHEMES):
        loaded = CheckpointLoader.load_checkpoint(name, "cpu")
        tensors_by_name(loaded["state_dict"], name)  # or an error
        return loaded["state_dict"], _meta(loaded)
    if "://" in name:
        raise ValueError(
            f"{name} would be read by mmengine, which may run what a file asks for. "
            f"Name a local file, or an address of {', '.join(SCHEMES)}."
        )
    content, file = read_content(name), Path(name).name
    tensors = tensors_by_name(content, name)
    return with_source(tensors, file, class_order(file, CLASS_ORDERS)), _meta(content)


def _meta(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    classes = saved_classes(checkpoint)
    if not classes:
        return {}
    palette = saved_palette(checkpoint)
    colours = dict(palette=palette) if palette else {}
    return dict(dataset_meta=dict(classes=tuple(classes), **colours))


def convert(source: dict[str, Tensor], model: Any, name: str) -> dict[str, Tensor]:
    """Our tensors, all of them, or an error."""
    report = make_ours(model, source)
    if report is not None:
        print(report)
    if model.weights_misfit is not None:
        layout = report.layout if report else "no known layout"
        raise SystemExit(
            f"Nothing was written: {name} is in {layout}, and does not fit the model "
            f"of --config: {model.weights_misfit}. Choose the config of the same "
            "backbone, pixel decoder and number of classes."
        )
    if report is not None:
        warn_of_order(model, report, name)
    return {key: source.get(key, tensor) for key, tensor in model.state_dict().items()}


def main() -> None:
    """Convert, account for every tensor, and write only what is complete."""
    args = parse_args()
    with ending_in_sentences():
        config = read_config(args.config, args.cfg_options)
        model = untrained_model(config)
        source, meta = read(args.input)
        converted = convert(source, model, args.input)
        if args.to == "huggingface":
            model.load_state_dict(converted)
            classes = meta.get("dataset_meta", {}).get("classes", ())
            save_folder(model, config, (args.input, classes), args.output)
        else:
            save(dict(meta=meta, state_dict=converted), args.output)
    print(f"Written: {args.output}")


def save_folder(
    model: Any, config: Config, saved: tuple[str, Sequence[str]], folder: Path
) -> None:
    """Write for transformers, and say what it does otherwise to images.

    Args:
        model: with its weights.
        config: of it and of its images.
        saved: name of the file of weights, and the classes that it names.
        folder: to write.
    """
    data = config.get("test_dataloader") or config.get("val_dataloader")
    images = described_images(config) if data else {}  # or an error
    check_class_order(saved, (config.filename, images.get("classes") or ()))
    with written_whole(folder) as unfinished:
        export_to_huggingface(model, config.model, unfinished, images or None)
    others = other_images(
        config.model.data_preprocessor,
        images.get("resize"),
        model.decode_head.mask_padding,
    )
    if others:
        print(others)


def save(checkpoint: dict, path: Path) -> None:
    """Write in one go, so that no half of a file bears the name."""
    with written_whole(path) as unfinished:
        torch.save(checkpoint, unfinished)


if __name__ == "__main__":
    main()
