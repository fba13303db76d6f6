"""`tools/convert_checkpoint.py`: into our layout and out to Hugging Face's."""

from __future__ import annotations

import json
import os
from functools import partial
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.apis import init_model, show_result_pyplot
from mmseg.structures import SegDataSample

from mmseg_maskformer.checkpoints import loading
from mmseg_maskformer.checkpoints.convert import OPENMMLAB, from_ours
from tests.checkpoints import models
from tests.scripts import run_script

CAMVID = models.CONFIGS / "maskformer/maskformer_r18_1xb4-4k_camvid-256x256.py"
ADE = models.CONFIGS / "maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py"

META = dict(
    dataset_meta=dict(classes=("sky", "building"), palette=((9, 8, 7), (200, 100, 50)))
)


class Attack:
    """Unpickles to a command."""

    def __reduce__(self):
        return os.system, ("touch MARK",)


@pytest.fixture
def convert(monkeypatch):
    """The tool as a function of its command line."""
    return partial(run_script, monkeypatch, "convert_checkpoint.py")


def theirs(path):
    """A file in OpenMMLab's layout, and our tensors that it was made of."""
    ours = models.randomise(models.ours(CAMVID.stem)).state_dict()
    state = from_ours(ours, OPENMMLAB)
    torch.save(dict(meta=META, state_dict=state), path)
    return state, ours


def test_their_file_becomes_ours(convert, tmp_path, capsys):
    _, expected = theirs(tmp_path / "in.pth")
    convert(tmp_path / "in.pth", tmp_path / "out.pth", "--config", CAMVID)
    written = torch.load(tmp_path / "out.pth", weights_only=True)
    found = written["state_dict"]
    assert written["meta"] == META
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert (
        f"OpenMMLab MaskFormer (mmseg, mmdet): {len(expected)} tensors converted"
        in (capsys.readouterr().out)
    )


def test_the_host_paints_a_converted_file_in_its_colours(convert, tmp_path):
    theirs(tmp_path / "in.pth")
    convert(tmp_path / "in.pth", tmp_path / "out.pth", "--config", CAMVID)
    model = init_model(str(CAMVID), str(tmp_path / "out.pth"), device="cpu")
    labels = torch.tensor([[[0, 1]]])
    result = SegDataSample(pred_sem_seg=PixelData(data=labels))
    image = np.zeros((1, 2, 3), np.uint8)
    found = show_result_pyplot(
        *(model, image, result), opacity=1, with_labels=False, draw_gt=False, show=False
    )
    assert found.tolist() == [[[9, 8, 7], [200, 100, 50]]]


def test_nothing_is_written_when_a_tensor_is_missing(convert, tmp_path, capsys):
    state, _ = theirs(tmp_path / "in.pth")
    del state["decode_head.query_embed.weight"]
    torch.save(state, tmp_path / "in.pth")
    with pytest.raises(SystemExit, match=r"Nothing was written: .*in\.pth"):
        convert(tmp_path / "in.pth", tmp_path / "out.pth", "--config", CAMVID)
    assert "transformer_decoder.query_embed.weight" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["in.pth"]


def test_options_are_those_of_the_model(convert, tmp_path):
    theirs(tmp_path / "in.pth")
    asked = (tmp_path / "in.pth", tmp_path / "out.pth", "--config", CAMVID)
    seven = "model.decode_head.num_classes=7"
    with pytest.raises(SystemExit, match=r"weight \(8, 256\) from .* \(12, 256\), dec"):
        convert(*asked, "--cfg-options", seven)


def test_classes_are_warned_of_in_what_is_written(convert, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(loading, "warn_of_order", lambda *_: told.append(1))
    state, _ = theirs(tmp_path / "in.pth")
    asked = (tmp_path / "in.pth", tmp_path / "out.pth", "--config", CAMVID)
    convert(*asked)
    assert told == [1]
    del state["decode_head.query_embed.weight"]
    torch.save(state, tmp_path / "in.pth")
    (tmp_path / "out.pth").unlink()
    with pytest.raises(SystemExit, match="Nothing was written"):
        convert(*asked)
    assert told == [1]


def test_a_folder_has_its_name_once_it_is_whole(convert, tmp_path, monkeypatch):
    """What was stopped hinders no second attempt."""
    torch.save(dict(state_dict=models.ours(ADE.stem).state_dict()), tmp_path / "in.pth")
    arguments = (tmp_path / "in.pth", tmp_path / "hub", "--config", ADE)
    convert = partial(convert, *arguments, "--to", "huggingface")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(json, "dumps", Mock(side_effect=KeyboardInterrupt))
        convert()
    assert not (tmp_path / "hub").exists()
    convert()
    files = {path.name for path in (tmp_path / "hub").iterdir()}
    assert files == {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"in.pth", "hub"}


@pytest.mark.parametrize(
    ("tool", "rest"),
    [
        ("convert_checkpoint.py", ("--config", CAMVID)),
        ("convert_checkpoint.py", ("--config", CAMVID, "--to", "huggingface")),
        ("image_channels.py", ("--channels", 4)),
    ],
)
def test_what_is_there_stays(monkeypatch, tmp_path, capsys, tool, rest):
    """The input itself, and a folder."""
    theirs(tmp_path / "in.pth")
    before = (tmp_path / "in.pth").read_bytes()
    for output in (tmp_path / "in.pth", tmp_path):
        with pytest.raises(SystemExit):
            run_script(monkeypatch, tool, tmp_path / "in.pth", output, *rest)
        told = f"{output} is there already; name another, or remove it."
        assert told in capsys.readouterr().err
    assert [x.name for x in tmp_path.iterdir()] == ["in.pth"]
    assert (tmp_path / "in.pth").read_bytes() == before


@pytest.mark.parametrize(
    ("tool", "rest"),
    [
        ("convert_checkpoint.py", ("--config", CAMVID)),
        ("image_channels.py", ("--channels", 4)),
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pkl"])
def test_a_name_of_another_format_is_refused(monkeypatch, tmp_path, tool, rest, suffix):
    """Where timm's files are changed, it is the next name to hand."""
    message = rf"out\{suffix} would be read as \{suffix}, .*: name it .*out\.pth\.$"
    with pytest.raises(SystemExit, match=message):
        run_script(monkeypatch, tool, "in.pth", tmp_path / f"out{suffix}", *rest)


def test_unknown_names_are_a_sentence(convert, tmp_path):
    torch.save({"layer.weight": torch.ones(1)}, tmp_path / "in.pth")
    with pytest.raises(SystemExit, match=r"no known layout, .*: 244 tensor\(s\)"):
        convert(tmp_path / "in.pth", tmp_path / "out.pth", "--config", CAMVID)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.ones(1), r"in\.pth holds a Tensor, not tensors by name"),
        (dict(state_dict=torch.ones(1)), r"in\.pth holds a Tensor, not tensors by"),
        (dict(state_dict=dict(a=Attack())), r"in\.pth.*asks for posix\.system.*trust"),
    ],
)
def test_a_file_of_something_else_is_a_sentence(
    convert, tmp_path, monkeypatch, content, message
):
    monkeypatch.chdir(tmp_path)
    torch.save(content, "in.pth")
    with pytest.raises(SystemExit, match=message):
        convert("in.pth", "out.pth", "--config", CAMVID)
    assert [path.name for path in tmp_path.iterdir()] == ["in.pth"]


def test_a_name_that_nobody_released_is_a_sentence(convert, tmp_path):
    with pytest.raises(SystemExit, match=r"^No released model is called 'typo'\."):
        convert("maskformer://typo", tmp_path / "out.pth", "--config", CAMVID)


@pytest.mark.parametrize("scheme", ["torchvision", "s3", "open-mmlab", "file"])
def test_what_mmengine_would_read_is_refused(convert, tmp_path, scheme):
    with pytest.raises(
        SystemExit, match=f"{scheme}://x would be read by mmengine.*hf:"
    ):
        convert(f"{scheme}://x", tmp_path / "out.pth", "--config", CAMVID)


def test_an_address_becomes_a_file_in_a_new_folder(convert, tmp_path, server, cache):
    _, expected = theirs(tmp_path / "in.pth")
    server.content = (tmp_path / "in.pth").read_bytes()
    output = tmp_path / "new" / "folder" / "out.pth"
    convert(f"{server.url}/in.pth?x=1", output, "--config", CAMVID)
    found = torch.load(output, weights_only=True)["state_dict"]
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_transformers_reads_the_exported_folder(convert, tmp_path, capsys):
    transformers = pytest.importorskip("transformers")
    model = models.randomise(models.ours(ADE.stem))
    torch.save(dict(state_dict=model.state_dict()), tmp_path / "ours.pth")
    folder = tmp_path / "hub"
    convert(tmp_path / "ours.pth", folder, "--config", ADE, "--to", "huggingface")
    assert "transformers stretches images to multiples of 32" in capsys.readouterr().out
    theirs, info = transformers.MaskFormerForInstanceSegmentation.from_pretrained(
        folder, output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert theirs.config.id2label[0] == "wall"
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        expected = theirs.eval()(image)
        found = model.decode_head(model.extract_feat(image))
    scale = expected.class_queries_logits.abs().max()
    difference = (found.class_logits[-1] - expected.class_queries_logits).abs().max()
    assert difference < 1e-4 * scale


def test_names_of_another_order_are_not_written(convert, tmp_path):
    state, _ = theirs(tmp_path / "in.pth")
    mixed = dict(dataset_meta=dict(classes=("building", "sky")))
    torch.save(dict(meta=mixed, state_dict=state), tmp_path / "mixed.pth")
    message = r"The class 'building' is number 0 in .*mixed\.pth and 1 in .*camvid"
    with pytest.raises(SystemExit, match=message):
        convert(
            *(tmp_path / "mixed.pth", tmp_path / "hub", "--config", CAMVID),
            *("--to", "huggingface"),
        )


def test_a_backbone_that_transformers_has_not_is_a_sentence(convert, tmp_path):
    theirs(tmp_path / "in.pth")
    convert(tmp_path / "in.pth", tmp_path / "ours.pth", "--config", CAMVID)
    arguments = (tmp_path / "ours.pth", tmp_path / "hub", "--config", CAMVID)
    with pytest.raises(SystemExit, match=r"no counterpart of the backbone ResNet.*18"):
        convert(*arguments, "--to", "huggingface")
    assert not (tmp_path / "hub").exists()
