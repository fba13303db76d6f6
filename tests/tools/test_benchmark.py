"""What the benchmark measures, by arithmetic, and one tiny run of every mode."""

from __future__ import annotations

import json
import re
import sys

import pytest
import torch

from tests.conftest import REPOSITORY
from tests.scripts import run_script


@pytest.fixture
def measure(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "tools"))
    from benchmark_lib import measure

    return measure


def chain(x):
    """Saves exp(x) and 2 exp(x), 4 bytes a cell each; x itself is not saved."""
    return ((x.exp() * 2).sin() * 1).sum()


def test_memory_of_a_chain_is_counted_exactly(measure):
    x = torch.randn(1000, 1000, requires_grad=True)
    variant = measure.Variant("chain", lambda: chain(x), [x], [x])
    found = measure.memory(variant, torch.device("cpu"))
    # after forward: exp, 2 exp. Backward adds the gradient, cos and their product.
    assert found["held"] == pytest.approx(2 * 4e6, abs=1000)
    assert found["peak"] == pytest.approx(5 * 4e6, abs=1000)
    assert x.grad is None


def test_temporaries_inside_an_operator_are_counted(measure):
    x = torch.randn(50, 1000, 100)
    variant = measure.Variant("double", lambda: (x.double() * 2).sum())
    found = measure.memory(variant, torch.device("cpu"))
    assert found["peak"] == pytest.approx(2 * 8 * 5e6, abs=1000)


def test_saved_bytes_count_storages_once_and_know_the_inputs(measure):
    x = torch.randn(1000, requires_grad=True)

    def forward():
        half = x[:500]
        return (half * x[500:]).sum() + (x * x).sum() + x.exp().sum()

    variant = measure.Variant("views", forward, [x], [x])
    found = measure.saved_bytes(variant)
    # the storage of x, 4,000 bytes, four times; and exp(x), 4,000 bytes
    assert found == {"saved": 8000, "saved_without_inputs": 4000}


def test_a_graph_dropped_on_the_way_is_not_saved(measure):
    x = torch.randn(1000, requires_grad=True)

    def forward():
        x.exp().sum().backward()
        return (2 * x).sum()

    variant = measure.Variant("inner", forward, [x], [x])
    assert measure.saved_bytes(variant)["saved"] == 0


def test_a_graph_without_backward_is_not_saved(measure):
    x = torch.randn(1000, requires_grad=True)

    def forward():
        y = x * 2
        (y * y.exp()).detach()
        return (2 * x).sum()

    variant = measure.Variant("dropped", forward, [x], [x])
    assert measure.saved_bytes(variant)["saved"] == 0


def test_variants_take_turns(measure):
    order = []

    def forward(name):
        order.append(name)
        return torch.zeros(())

    variants = [measure.Variant(n, lambda n=n: forward(n)) for n in ("a", "b")]
    times = measure.alternate(variants, repeats=2, device=torch.device("cpu"))
    assert order == ["a", "b"] * 3  # a warm-up and two repeats
    assert [len(x) for x in times.values()] == [2, 2]


@pytest.mark.mmdet
@pytest.mark.parametrize(
    ("mode", "peer_name"),
    [
        ("criterion", "mmseg"),
        ("train-step", "mmseg"),
        ("semantic-inference", "mmseg"),
        ("panoptic-inference", "mmdet"),
        ("deformable-attention", "mmcv"),
        ("deformable-forward", "mmcv"),
        ("mask2former-criterion", "mmdet"),
    ],
)
def test_every_mode_runs_and_the_sides_agree(
    mode, peer_name, monkeypatch, tmp_path, capsys
):
    pytest.importorskip("mmdet")
    monkeypatch.syspath_prepend(str(REPOSITORY / "tools"))
    import benchmark

    path = tmp_path / "report.json"
    options = "--size 64 --classes 7 --segments 3 --queries 10 --layers 2 --repeats 1"
    command = ["benchmark.py", mode, *options.split(), "--json", str(path)]
    command += ["--sides", "ours", peer_name]
    monkeypatch.setattr(sys, "argv", [*command, "--check"])
    if mode == "train-step":
        with pytest.raises(SystemExit):
            benchmark.main()
        assert "--check: a training step has dropout" in capsys.readouterr().err
        monkeypatch.setattr(sys, "argv", command)
    benchmark.main()
    report = json.loads(path.read_text())
    ours, peer = report["results"]["ours"], report["results"][peer_name]
    key = "peak" if mode.endswith(("inference", "forward")) else "held"
    assert ours[key] < peer[key]
    assert report["environment"]["versions"]["torch"] == torch.__version__.split("+")[0]
    assert f"{peer_name} / ours" in capsys.readouterr().out
    if mode.endswith("criterion"):
        assert "loss and gradients differ by at most" in report["check"]
    if mode == "criterion":
        # two gradients of 3 masks, 2 layers, 2 images on 16 x 16 cells, and the heads'
        assert ours["saved_without_inputs"] >= 2 * 3 * 2 * 2 * 16 * 16 * 4
    if mode.endswith("inference"):
        assert report["check"] == f"0 of {2 * 64 * 64} labels differ"


@pytest.mark.parametrize(
    ("classes", "segments", "found"), [(7, 20, 8), (255, 30, 31), (300, 290, 290)]
)
def test_label_maps_hold_any_number_of_segments(classes, segments, found, monkeypatch):
    """With void beside up to 255 classes, and none of 255 as a class."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "tools"))
    from benchmark_lib import inputs

    options = dict(size=(128, 128), batch=1, classes=classes, segments=segments)
    rest = dict.fromkeys(("queries", "layers", "amp", "seed", "kept"), 0)
    settings = inputs.Settings(**options, **rest, device=torch.device("cpu"))
    values = inputs.label_maps(settings).unique()
    assert len(values) == found
    assert (inputs.VOID in values) == (classes <= inputs.VOID)


@pytest.mark.mmdet
def test_mask2formers_segments_may_be_more_than_classes_and_columns(monkeypatch):
    pytest.importorskip("mmdet")
    monkeypatch.syspath_prepend(str(REPOSITORY / "tools"))
    from benchmark_lib import inputs, mask2former

    rest = dict.fromkeys(("classes", "queries", "layers", "amp", "seed", "kept"), 0)
    options = dict(size=(64, 90), batch=2, segments=300, device=torch.device("cpu"))
    settings = inputs.Settings(**options, **rest)
    for labels, numbers in mask2former.segments(settings):
        assert len(labels) == 300
        assert numbers.unique().tolist() == list(range(300))
        masks = mask2former.bitmaps(numbers).masks
        assert (masks.argmax(0) == numbers.numpy()).all()


@pytest.mark.mmdet
@pytest.mark.parametrize(
    ("mode", "side", "message"),
    [
        ("panoptic-inference", "mmseg", "mmseg: panoptic-inference has ours, mmdet"),
        ("mask2former-criterion", "mmseg", "mmseg: mask2former-criterion has ours, mm"),
        ("mask2former-step", "mmseg", "mmseg: mask2former-step has ours, mmdet"),
        ("deformable-forward", "mmseg", "mmseg: deformable-forward has ours, mmcv"),
        ("deformable-forward", "ours mmdte", "mmdte: deformable-forward has ours, mm"),
    ],
)
def test_sides_that_a_mode_lacks_are_a_sentence(monkeypatch, mode, side, message):
    pytest.importorskip("mmdet")
    asked = ("benchmark.py", mode, "--size", 64, "--sides", *side.split())
    with pytest.raises(SystemExit, match=message):
        run_script(monkeypatch, *asked)


def test_a_check_of_one_side_keeps_its_times(monkeypatch, tmp_path, capsys):
    asked = ("--size", 32, "--sides", "ours", "--check", "--json", tmp_path / "x.json")
    with pytest.raises(SystemExit, match="1"):
        run_script(monkeypatch, "benchmark.py", "deformable-forward", *asked)
    found = json.loads((tmp_path / "x.json").read_text())
    assert found["results"]["ours"]["median"] > 0
    assert found["agree"] is False
    assert "--check compares two sides; here ran ours. Name" in capsys.readouterr().out


def test_a_check_says_why_a_side_did_not_run(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "tools"))
    import benchmark
    from benchmark_lib.measure import Variant, able

    sides = [Variant("ours", lambda: torch.ones(1)), Variant("peer", lambda: 1 / 0)]
    found, agree = benchmark.check(*able(sides), "deformable-forward")
    assert not agree
    assert "here ran ours. peer cannot make this step: ZeroDivisionError" in found


@pytest.mark.parametrize(
    ("mode", "second", "message"),
    [
        ("criterion", lambda x, _: (x * float("nan")).sum(), "differ by at most nan"),
        ("criterion", lambda x, y: (x + y).sum(), "differ by at most"),
        ("semantic-inference", lambda x, _: x.detach() + 1, "3 of 3 labels differ"),
    ],
    ids=["nan", "gradient of one side", "labels"],
)
def test_sides_that_do_not_agree_are_an_error(mode, second, message, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "tools"))
    import benchmark
    from benchmark_lib.measure import Variant

    x, y = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    first = x.detach() if mode.endswith("inference") else None
    sides = [
        Variant("ours", lambda: x.sum() if first is None else first, leaves=[x, y]),
        Variant("peer", lambda: second(x, y), leaves=[x, y]),
    ]
    found, agree = benchmark.check(sides, {}, mode)
    assert not agree
    assert re.match(f"The sides do not agree: .*{message}", found)


def test_a_leaf_that_no_side_reaches_agrees(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "tools"))
    import benchmark
    from benchmark_lib.measure import Variant

    x, y = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    sides = [Variant(name, x.sum, leaves=[x, y]) for name in ("ours", "peer")]
    found, agree = benchmark.check(sides, {}, "criterion")
    assert agree and "by at most 0.0e+00" in found
