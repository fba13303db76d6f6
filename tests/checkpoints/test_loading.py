"""What the hosts' ways of loading take, and what they refuse."""

from __future__ import annotations

import os
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader, checkpoint, load_checkpoint

from mmseg_maskformer.adapters.host import prepare_host
from mmseg_maskformer.checkpoints import loading, zoo
from mmseg_maskformer.checkpoints.convert import Report
from mmseg_maskformer.checkpoints.facebookresearch import FACEBOOKRESEARCH
from mmseg_maskformer.checkpoints.huggingface import HUGGINGFACE
from mmseg_maskformer.checkpoints.openmmlab import OPENMMLAB

prepare_host()

load = CheckpointLoader.load_checkpoint


def test_a_released_model_by_its_zoo_name(server, cache, monkeypatch):
    monkeypatch.setattr(zoo, "BASE_URL", f"{server.url}/maskformer")
    name = "maskformer://ade20k-150/swin/maskformer_swin_tiny_bs16_160k"
    for _ in range(2):
        found = load(name)["state_dict"]
        assert found["sem_seg_head.a"].tolist() == list(range(50_000))
    folder = "/maskformer/semantic-ade20k/maskformer_swin_tiny_bs16_160k"
    assert server.asked == [f"{folder}/model_final_8657a5.pkl"]  # once
    assert [path.name for path in cache.iterdir()] == ["model_final_8657a5.pkl"]


def test_a_released_mask2former_by_its_zoo_name(server, cache, monkeypatch):
    monkeypatch.setattr(zoo, "BASE_URL", server.url)
    name = "coco/instance/maskformer2_swin_tiny_bs16_50ep"
    assert load(f"mask2former://{name}")["state_dict"]
    assert server.asked == [f"/mask2former/{name}/model_final_86143f.pkl"]


def test_an_unknown_zoo_name_lists_the_nearest():
    with pytest.raises(
        ValueError, match="Near it: ade20k-150/maskformer_R50_bs16_160k,"
    ):
        load("maskformer://ade20k-150/maskformer_R50_bs16_160")


def test_a_name_that_is_near_none_lists_all():
    with pytest.raises(ValueError) as error:
        load("maskformer://?")
    assert all(name in str(error.value) for name in zoo.zoo_names())


@pytest.mark.parametrize(("scheme", "count"), [("maskformer", 30), ("mask2former", 47)])
def test_every_zoo_name_has_an_address(scheme, count):
    names = zoo.zoo_names(scheme)
    urls = {zoo.zoo_url(name, scheme) for name in names}
    assert len(urls) == len(names) == count
    assert all(url.endswith(".pkl") for url in urls)


def test_an_address_with_a_query_is_known_by_its_path(server, cache):
    found = load(f"{server.url}/model.pkl?download=1.pth")["state_dict"]
    assert found["sem_seg_head.a"].tolist() == list(range(50_000))
    (folder,) = cache.iterdir()
    assert [path.name for path in folder.iterdir()] == ["model.pkl"]


def test_the_log_names_the_loader(monkeypatch, tmp_path):
    said = []
    monkeypatch.setattr(checkpoint, "print_log", lambda text, **_: said.append(text))
    for name in (
        "maskformer://?",
        "mask2former://?",
        "hf://?",
        "http://127.0.0.1:9/a",
        "none.pkl",
    ):
        with pytest.raises(Exception, match=r"."):
            load(name)
    words = [text.split()[:4] for text in said]
    loaders = [["Loads", "checkpoint", "by", x] for x in ("zoo", "zoo", "hf")]
    assert words == [*loaders, *([*loaders[0][:3], x] for x in ("http", "file"))]


class Attack:
    """Unpickles to a command."""

    def __reduce__(self):
        return os.system, ("touch MARK",)


def attacking(path):
    """Write a file that wants to run a command, as torch writes files."""
    zipped = path.suffix != ".pt"  # the older form too
    content = dict(state_dict={"weight": torch.ones(1, 1), "bias": Attack()})
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.bin", "a.ckpt", "a", "a.PTH"])
@pytest.mark.parametrize("way", ["file", "address", "query", "hub", "init_cfg"])
def test_a_file_of_torch_that_wants_to_run_code_is_refused(
    name, way, server, cache, tmp_path, monkeypatch
):
    path = attacking(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    server.content = path.read_bytes()
    names = dict(address=f"{server.url}/{name}", query=f"{server.url}/{name}?x=.txt")
    if way == "hub":
        hub = pytest.importorskip("huggingface_hub")
        monkeypatch.setattr(hub, "hf_hub_download", lambda *_: str(path))
        names["hub"] = "hf://some/model"
    with pytest.raises(ValueError, match=rf"/{name}.*posix\.system.*do not trust it"):
        load_by(way, names.get(way, str(path)))
    assert not (tmp_path / "MARK").exists()


def load_by(way, name):
    """Load into a module as a config names the file."""
    if way == "init_cfg":
        init = dict(type="Pretrained", checkpoint=name)
        BaseModule(init_cfg=init).init_weights()
    else:
        load_checkpoint(torch.nn.Linear(1, 1), name)


def test_a_checkpoint_of_mmengine_is_read_whole(tmp_path):
    history = HistoryBuffer([1.5, 2.5], [1, 1])
    palette = np.array([[1, 2, 3]], np.uint8)
    saved = dict(
        meta=dict(iter=7, dataset_meta=dict(palette=palette)),
        state_dict={"a": torch.ones(2)},
        message_hub=dict(history=history, best=np.float64(0.5), count=np.int64(3)),
        optimizer=dict(state={0: dict(step=torch.tensor(7.0))}),
    )
    torch.save(saved, tmp_path / "iter_7.pth")
    found = load(str(tmp_path / "iter_7.pth"), "cpu")
    assert found.keys() == saved.keys()
    assert found["meta"]["iter"] == found["optimizer"]["state"][0]["step"] == 7
    assert found["meta"]["dataset_meta"]["palette"].tolist() == [[1, 2, 3]]
    assert found["message_hub"]["history"].mean() == 2.0  # (1.5 + 2.5) / 2
    assert (found["message_hub"]["best"], found["message_hub"]["count"]) == (0.5, 3)


def test_tensors_under_model_or_under_nothing_are_found(tmp_path):
    tensors = {"a": torch.arange(3.0)}
    for content in (dict(model=tensors, iteration=1), tensors):
        torch.save(content, tmp_path / "in.pth")
        found = load(str(tmp_path / "in.pth"))["state_dict"]
        assert found["a"].tolist() == [0, 1, 2]


def test_a_tensor_without_a_name_is_a_sentence(tmp_path):
    torch.save(torch.ones(1), tmp_path / "in.pth")
    with pytest.raises(ValueError, match=r"in\.pth holds a Tensor, not tensors by"):
        load(str(tmp_path / "in.pth"))


@pytest.mark.parametrize(
    ("where", "device"),
    [
        (None, "cpu"),
        ("meta", "meta"),
        (torch.device("meta"), "meta"),
        ({"cpu": "meta"}, "meta"),
        ({"cuda:0": "meta"}, "cpu"),
        (lambda storage, location: torch.UntypedStorage(0, device="meta"), "meta"),
        (lambda storage, location: storage, "cpu"),
        (lambda storage, location: None, "cpu"),
    ],
)
def test_every_form_of_map_location_is_understood(tmp_path, where, device):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"a": np.ones(2)}))
    assert load(str(path), where)["state_dict"]["a"].device.type == device


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"a": np.arange(3.0)}))
    assert load("~/a.pkl")["state_dict"]["a"].tolist() == [0, 1, 2]


def test_a_repository_of_the_hub(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    from huggingface_hub.errors import EntryNotFoundError
    from safetensors.torch import save_file

    save_file({"a": torch.arange(3.0)}, tmp_path / "model.safetensors")
    asked = []

    def fetch(repository, name):
        asked.append((repository, name))
        if name != "model.safetensors" or repository.endswith("old"):
            raise EntryNotFoundError(name)
        return str(tmp_path / name)

    monkeypatch.setattr(hub, "hf_hub_download", fetch)
    found = load("hf://facebook/maskformer-swin-tiny-ade")
    assert found["state_dict"]["a"].tolist() == [0, 1, 2]
    assert asked == [("facebook/maskformer-swin-tiny-ade", "model.safetensors")]
    with pytest.raises(FileNotFoundError, match=r"some/old has none of model\.safe"):
        load("hf://some/old")


def test_the_hub_out_of_reach_is_a_sentence(tmp_path, monkeypatch):
    hub = pytest.importorskip("huggingface_hub")
    from huggingface_hub.errors import LocalEntryNotFoundError

    def fetch(*_):
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(hub, "hf_hub_download", fetch)
    with pytest.raises(OSError, match=r"some/model is not in the cache, and the hub"):
        load("hf://some/model")


def test_files_without_meta_have_an_empty_one(tmp_path):
    """MMSegmentation's init_model asks for it."""
    torch.save(dict(state_dict={"a": torch.ones(1)}), tmp_path / "in.pth")
    assert load(str(tmp_path / "in.pth"))["meta"] == {}


def test_the_name_of_a_file_reaches_the_hooks_of_a_model(tmp_path):
    seen = []
    model = torch.nn.Linear(1, 1)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / "in.pth")
    model._register_load_state_dict_pre_hook(lambda *args: seen.append(args[2]))
    load_checkpoint(model, str(tmp_path / "in.pth"))
    assert seen == [dict(source="in.pth", version=1)]  # torch's own is kept


CLASSIFIER = "decode_head.network.class_head.weight"
REPOSITORY = "hf://facebook/mask2former-swin-tiny-ade-panoptic"
URL = "https://x.org/model_final_4ab90c.pkl"


@pytest.mark.parametrize(
    ("source", "layout", "stuff", "filled", "warned"),
    [
        ("model.safetensors", HUGGINGFACE, 50, [CLASSIFIER], True),
        ("hf://me/mask2former", HUGGINGFACE, 50, [CLASSIFIER], True),
        (REPOSITORY, HUGGINGFACE, 50, [CLASSIFIER], False),
        ("mine.pkl", FACEBOOKRESEARCH, 50, [], False),  # of other classes
        ("mine.pkl", FACEBOOKRESEARCH, 0, [CLASSIFIER], False),  # instances alone
        (URL, FACEBOOKRESEARCH, 11, [CLASSIFIER], False),
        ("mine.pth", OPENMMLAB, 50, [CLASSIFIER], False),
    ],
)
def test_an_unknown_order_of_panoptic_classes_is_said(
    source, layout, stuff, filled, warned, monkeypatch
):
    said = []
    monkeypatch.setattr(loading, "print_log", lambda text, **_: said.append(text))
    model = SimpleNamespace(num_things_classes=8, num_stuff_classes=stuff)
    loading.warn_of_order(model, Report(layout.name, filled=filled), source)
    assert [x.split(" is no name ")[0] for x in said] == [source] * warned
