"""Parameters and multiply-adds: closed forms by part, totals of the paper."""

from __future__ import annotations

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from benchmark_lib import complexity_plot
from benchmark_lib.complexity import mean_complexity, measure_complexity
from tests.conftest import REPOSITORY
from tests.scripts import run_script

CONFIGS = REPOSITORY / "configs"
DEMO = "demo/maskformer_tiny_scenes.py"


def build(config, scope="mmseg"):
    init_default_scope(scope)
    return MODELS.build(Config.fromfile(CONFIGS / f"{config}.py").model)


def complexity(name, kind="maskformer/maskformer"):
    config = f"{kind}_{name}_8xb2-160k_ade20k-512x512"
    return measure_complexity(build(config), (512, 512))


# a 3 x 3 kernel of 256 x 256 channels, a projection of 256 channels
KERNEL, SQUARE = 9 * 256 * 256, 256 * 256
QUERIES = 100


def test_every_part_of_r50_is_its_closed_form():
    found = complexity("r50")
    parts = found.multiply_adds
    # grids of 128, 64, 32 and 16 cells a side
    coarse = 16**2 * 9 * 2048 * 256
    laterals = 256 * (32**2 * 1024 + 64**2 * 512 + 128**2 * 256)
    outputs = KERNEL * (32**2 + 64**2 + 128**2)
    assert parts["pixel decoder"] == coarse + laterals + outputs + KERNEL * 128**2
    assert parts["transformer decoder"] == 256 * 2048 * 256 + 6 * decoder_layer(256)
    assert parts["class head"] == 6 * QUERIES * 256 * 151
    assert parts["mask head"] == 6 * QUERIES * 3 * SQUARE
    assert parts["masks"] == QUERIES * 256 * 128**2
    assert parts["semantic inference"] == 150 * QUERIES * 512**2


def decoder_layer(cells, queries=QUERIES):
    """Two attentions and the feed-forward.

    Four projections each, keys and values of the cells in the second attention, and the
    products of weights with keys and values.
    """
    self_attention = 4 * queries * SQUARE + 2 * queries * queries * 256
    cross_attention = (2 * queries + 2 * cells) * SQUARE + 2 * queries * cells * 256
    return self_attention + cross_attention + 2 * queries * 256 * 2048


def test_parts_of_the_per_pixel_baselines_are_their_closed_forms():
    kind = "per_pixel_baseline/per_pixel_baseline"
    plain, plus = (complexity("r50", x) for x in (kind, f"{kind}_plus"))
    maskformer = complexity("r50").multiply_adds
    for found in (plain.multiply_adds, plus.multiply_adds):
        for part in ("backbone", "pixel decoder"):
            assert found.pop(part) == maskformer[part]
    # 150 classes at 128 x 128 cells, by a kernel of 1 x 1 or by the queries' weights
    assert plain.multiply_adds == {"masks": 150 * 256 * 128**2}
    assert plus.multiply_adds == {
        "transformer decoder": 256 * 2048 * 256 + 6 * decoder_layer(256, 150),
        "mask head": 6 * 150 * 3 * SQUARE,
        "masks": 150 * 256 * 128**2,
    }
    assert (plain.parameters, plus.parameters) == (31_033_942, 41_228_736)


def test_a_box_head_and_missing_self_attention_are_counted():
    name = "maskformer/maskformer_r50_8xb2-160k_ade20k-512x512"
    config = Config.fromfile(CONFIGS / f"{name}.py")
    head = config.model.decode_head
    head.network.with_boxes = True
    head.network.transformer_decoder.self_attention = False
    head.criterion.loss_giou = dict(type="GIoULoss")
    init_default_scope("mmseg")
    found = measure_complexity(MODELS.build(config.model), (512, 512)).multiply_adds
    plain = complexity("r50").multiply_adds
    assert found.pop("box head") == 6 * QUERIES * (2 * SQUARE + 4 * 256)
    less = 6 * (4 * QUERIES * SQUARE + 2 * QUERIES * QUERIES * 256)
    plain["transformer decoder"] -= less
    assert found == plain


def test_depth_and_deep_stem_of_r101_and_r101c_are_their_closed_forms():
    r50, r101, r101c = (
        complexity(name).multiply_adds["backbone"] for name in ("r50", "r101", "r101c")
    )
    # 17 more blocks of 1024, 256 and 256 channels on 32 x 32 cells
    assert r101 - r50 == 17 * 32**2 * (1024 * 256 + KERNEL + 256 * 1024)
    # three kernels of 3 x 3 for one of 7 x 7 on 256 x 256 cells; 64 channels more enter
    # the first block's 64 and its shortcut's 256 on 128 x 128 cells
    stem = 9 * (3 * 64 + 64 * 64 + 64 * 128) - 49 * 3 * 64
    assert r101c - r101 == 256**2 * stem + 128**2 * 64 * (64 + 256)


@pytest.mark.parametrize(
    ("name", "giga"),  # the paper's table
    [
        ("r50_8xb2-160k_ade20k-512x512", 53),
        ("r101_8xb2-160k_ade20k-512x512", 73),
        ("r101c_8xb2-160k_ade20k-512x512", 80),
        ("swin-t_8xb2-160k_ade20k-512x512", 55),
        ("swin-s_8xb2-160k_ade20k-512x512", 79),
        ("swin-b-in22k_8xb2-160k_ade20k-640x640", 195),
        ("swin-l-in22k_8xb2-160k_ade20k-640x640", 375),
    ],
)
def test_every_row_of_the_paper_is_met(name, giga):
    side = int(name[-3:])
    found = measure_complexity(build(f"maskformer/maskformer_{name}"), (side, side))
    assert found.total == pytest.approx(giga * 1e9, rel=0.014)


@pytest.mark.parametrize(("kind", "giga"), [("", 48), ("_plus", 50)])
def test_both_rows_of_the_baselines_are_met(kind, giga):
    found = complexity("r50", f"per_pixel_baseline/per_pixel_baseline{kind}")
    assert found.total == pytest.approx(giga * 1e9, rel=0.014)


@pytest.mark.mmdet
def test_the_head_of_mmseg_costs_five_more_layers_of_masks():
    pytest.importorskip("mmdet")
    name = "r18_1xb4-4k_camvid-256x256"
    ours = measure_complexity(build(f"maskformer/maskformer_{name}"), (256, 256))
    peer = measure_complexity(build(f"peers/mmseg-maskformer_{name}"), (256, 256))
    assert set(peer.multiply_adds) == {"backbone", "decode head"}
    assert peer.parameters == ours.parameters
    # it makes masks after every decoder layer: 50 queries, 256 channels, 64 x 64 cells
    assert peer.total - ours.total == 5 * 50 * 256 * 64**2


@pytest.mark.mmdet
def test_the_head_of_mmdet_makes_masks_after_every_layer_but_sums_no_scores():
    pytest.importorskip("mmdet")
    name = "maskformer_r18-6enc_1xb4-5k_dsb2018-panoptic"
    folders = ("maskformer/", "peers/mmdet-")
    models = [build(f"{folder}{name}", "mmdet") for folder in folders]
    ours, peer = (measure_complexity(model, (256, 192)) for model in models)
    assert set(peer.multiply_adds) == {"backbone", "panoptic head"}
    assert peer.parameters == ours.parameters
    sums = 2 * 100 * 256 * 192  # two classes, 100 queries
    assert ours.multiply_adds["semantic inference"] == sums
    # two more layers' masks of 64 channels on 64 x 48 cells
    assert peer.total - ours.total == 2 * 100 * 64 * 64 * 48 - sums


def test_the_mean_over_images_weighs_every_size():
    model = build("demo/maskformer_tiny_scenes")
    small, large = (measure_complexity(model, (side, side)) for side in (64, 128))
    found = mean_complexity(model, [(64, 64), (128, 128), (64, 64), (64, 64)])
    assert found.parameters == small.parameters
    assert found.total == pytest.approx((3 * small.total + large.total) / 4, abs=9)


def test_counting_leaves_the_model_as_it_is():
    model = build("demo/maskformer_tiny_scenes").train()
    weight = model.decode_head.network.class_head.weight
    before = weight.detach().clone()
    measure_complexity(model, (64, 64))
    assert model.training
    assert weight.requires_grad
    assert weight.equal(before)


def test_tool_counts_the_demo_at_the_size_of_its_scenes(monkeypatch, capsys):
    config = CONFIGS / DEMO
    run_script(monkeypatch, "analysis/complexity.py", config)
    printed = capsys.readouterr().out
    assert "1,093,133 parameters, 0.3 G at 128 x 128" in printed
    # FPN: a kernel of 128 x 64 channels, laterals of 1 x 1, four kernels of 64 x 64, on
    # grids of 32, 16, 16 and 16 cells a side
    coarse, laterals = 9 * 128 * 64, 64 * (16**2 * (64 + 32) + 32**2 * 16)
    count = 16**2 * coarse + laterals + 9 * 64 * 64 * (2 * 16**2 + 2 * 32**2)
    assert f"pixel decoder        {count / 1e9:8.2f} G" in printed


def test_tool_averages_over_validation_images(monkeypatch, capsys):
    config = CONFIGS / DEMO
    size = "val_dataloader.dataset.scene.size=(64, 96)"
    command = ("analysis/complexity.py", config, "--images", 3, "--cfg-options", size)
    run_script(monkeypatch, *command)
    assert "over 3 images, 64 x 96 on average" in capsys.readouterr().out


@pytest.mark.parametrize("data", ["", "train_dataloader = dict(dataset=dict())"])
def test_a_config_without_a_size_does_not_end_the_list(
    monkeypatch, tmp_path, capsys, data
):
    config = tmp_path / "bare.py"
    config.write_text(f"model = dict(backbone=dict())\n{data}\n")
    command = ("analysis/complexity.py", config, CONFIGS / DEMO)
    with pytest.raises(SystemExit, match=r"^Not counted: \S*bare\.py\. .* --size HxW"):
        run_script(monkeypatch, *command)
    assert "0.3 G at 128 x 128" in capsys.readouterr().out


def test_a_config_that_is_not_there_is_named_before_anything_is_counted(
    monkeypatch, capsys
):
    command = ("analysis/complexity.py", CONFIGS / DEMO, "none.py")
    with pytest.raises(SystemExit, match="There is no config file none.py"):
        run_script(monkeypatch, *command)
    assert capsys.readouterr().out == ""


def test_tool_counts_a_jitter_of_scales_at_its_height(monkeypatch, tmp_path, capsys):
    config = tmp_path / "jitter.py"
    jitter = dict(type="mmseg_maskformer.LargeScaleJitter", size=(64, 96))
    data = dict(dataset=dict(pipeline=[jitter]))
    config.write_text(
        f"_base_ = {str(CONFIGS / DEMO)!r}\ntrain_dataloader = {data}\n"
        "crop_size = (32, 32)\n"
    )
    run_script(monkeypatch, "analysis/complexity.py", config)
    assert " G at 64 x 64\n" in capsys.readouterr().out


def test_scores_are_plotted_against_flops(monkeypatch, tmp_path, capsys):
    out = tmp_path / "scores.png"
    config = CONFIGS / "maskformer/maskformer_r50_8xb2-160k_ade20k-512x512.py"
    drawn = []
    monkeypatch.setattr(complexity_plot.plt.Axes, "plot", drawing(drawn))
    command = ("analysis/complexity.py", config, "--plot", out, "--metric", "mIoU")
    run_script(monkeypatch, *command)
    assert f"mIoU against FLOPs: {out}" in capsys.readouterr().out
    (flops, scores), legend = drawn
    assert (flops, scores) == ((pytest.approx(52.7, abs=0.5),), (44.29,))
    assert legend == ([], [])
    assert out.stat().st_size > 1000


def drawing(drawn):
    def plot(axes, flops, scores, *style, **kwargs):
        drawn.append((flops, scores))
        return given(axes, flops, scores, *style, **kwargs)

    given = complexity_plot.plt.Axes.plot
    return plot


def test_a_score_that_is_not_reported_is_named(monkeypatch, tmp_path):
    name = "maskformer_swin-b-in1k_64xb1-554k_coco-panoptic"
    command = ("analysis/complexity.py", CONFIGS / f"maskformer/{name}.py")
    with pytest.raises(SystemExit, match=rf"metafile.yml reports no PQ of {name}.py;"):
        run_script(monkeypatch, *command, "--plot", tmp_path / "scores.png")
