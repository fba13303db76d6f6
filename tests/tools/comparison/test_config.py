"""Configs of a comparison: what they are called, share, evaluate and depend on."""

from __future__ import annotations

import copy

import pytest
from mmengine.config import Config

from comparison import config as settings
from tests.conftest import REPOSITORY

CONFIGS = REPOSITORY / "configs"
CAMVID = "_r18_1xb4-4k_camvid-256x256"
DEMO = CONFIGS / "demo/maskformer_tiny_scenes.py"
UPERNET = CONFIGS / "peers/mmseg-upernet_tiny_scenes.py"
PAIRS = [
    (f"maskformer/maskformer{CAMVID}", f"peers/mmseg-upernet{CAMVID}"),
    (f"maskformer/maskformer{CAMVID}", f"peers/mmseg-deeplabv3plus{CAMVID}"),
    ("demo/maskformer_tiny_scenes", "peers/mmseg-upernet_tiny_scenes"),
    ("demo/maskformer_tiny_scenes", "peers/mmseg-deeplabv3plus_tiny_scenes"),
]


def read(name):
    return settings.comparable_config(str(CONFIGS / f"{name}.py"))


@pytest.mark.parametrize(("ours", "peer"), PAIRS, ids=lambda name: name.split("/")[1])
def test_a_peer_shares_everything_but_the_head(ours, peer):
    one, other = read(ours), read(peer)
    shared = ("train_dataloader", "val_dataloader", "val_evaluator", "optim_wrapper")
    for key in (*shared, "param_scheduler", "train_cfg"):
        assert one[key] == other[key], key
    assert one.randomness.seed == other.randomness.seed
    assert one.model.data_preprocessor == other.model.data_preprocessor
    grid = ("strides", "dilations")  # DeepLabV3+ is about these
    backbones = [
        {key: x for key, x in config.model.backbone.items() if key not in grid}
        for config in (one, other)
    ]
    assert backbones[0] == backbones[1]
    classes = one.model.decode_head.num_classes
    for head in (other.model.decode_head, other.model.auxiliary_head):
        assert head.num_classes == classes
        assert head.norm_cfg == dict(type="BN", requires_grad=True)
    assert other.model.auxiliary_head.loss_decode.loss_weight == 0.4


def test_preparation_sets_seed_budget_and_checkpoints():
    config = read("peers/mmseg-upernet_tiny_scenes")
    settings.prepare(config, seed=7, iterations=60)
    assert config.randomness == dict(seed=7)
    hook = config.default_hooks.checkpoint
    assert (hook.interval, hook.max_keep_ckpts) == (6, 2)  # a tenth of 60
    assert config.train_cfg.max_iters == 60
    config.train_cfg.max_iters = 3
    settings.prepare(config, seed=7)
    assert config.default_hooks.checkpoint.interval == 1


def test_views_are_merged_by_the_rule_of_the_segmentor():
    kinds = []
    for path in (DEMO, UPERNET):
        config = settings.comparable_config(str(path))
        config.tta_pipeline = [dict(type="TestTimeAug", transforms=[])]
        plain = copy.deepcopy(config.to_dict())
        found = settings.multi_scale(config)
        assert config.to_dict() == plain
        assert found.model.module == config.model
        assert found.val_dataloader.dataset.pipeline == config.tta_pipeline
        kinds.append(found.model.type)
    assert kinds == ["mmseg_maskformer.MaskFormerTTA", "SegTTAModel"]


def test_without_views_there_is_no_multi_scale():
    config = read("demo/maskformer_tiny_scenes")
    config.pop("tta_pipeline", None)
    assert settings.no_multi_scale(config) == "its config has no tta_pipeline"


def test_a_rule_without_scores_has_no_multi_scale():
    config = Config.fromfile(CONFIGS / "demo/maskformer_tiny_scenes.py")
    assert settings.no_multi_scale(config) is None
    config.model.test_cfg.semantic_rule = "general"
    reason = "the general rule has no scores to average"
    assert settings.no_multi_scale(config) == reason


def changed(config, key, value):
    found = copy.deepcopy(config)
    found.merge_from_dict({key: value})
    return found


def test_what_trainings_and_evaluations_depend_on():
    config = Config.fromfile(CONFIGS / f"{PAIRS[0][1]}.py")
    training, evaluation = (
        settings.training_fingerprint,
        settings.evaluation_fingerprint,
    )
    of_both = changed(config, "model.decode_head.channels", 128)
    of_training = changed(config, "randomness.seed", 1)
    for key, value in (
        ("custom_hooks", [dict(type="EMAHook")]),
        ("auto_scale_lr", dict(enable=True, base_batch_size=16)),
    ):
        assert training(changed(config, key, value)) != training(config)
    of_evaluation = changed(config, "val_dataloader.dataset.data_prefix.img_path", "x")
    of_inference = changed(config, "model.data_preprocessor.test_cfg.size", (32, 32))
    of_inference = changed(of_inference, "model.test_cfg.mode", "slide")
    of_none = changed(config, "train_dataloader.dataset.data_root", "moved")
    of_none = changed(of_none, "val_dataloader.dataset.data_root", "moved")
    of_none = changed(of_none, "default_hooks.logger.interval", 1)
    of_none = changed(of_none, "auto_scale_lr", dict(enable=False, base_batch_size=8))
    check = dict(type="mmseg_maskformer.CheckLossHook", interval=10)
    of_none = changed(of_none, "custom_hooks", [check])
    cases = (of_both, of_training, of_evaluation, of_inference, of_none)
    same = [
        tuple(rule(config) == rule(case) for rule in (training, evaluation))
        for case in cases
    ]
    of_one = [(False, True), (True, False), (True, False)]
    assert same == [(False, False), *of_one, (True, True)]


def test_files_in_a_data_root_count_by_their_places_in_it():
    """As annotation files of metrics, which name the folder again."""

    def fingerprint(root, file):
        config = Config.fromfile(CONFIGS / f"{PAIRS[0][1]}.py")
        for split in ("train", "val"):
            config[f"{split}_dataloader"].dataset.data_root = root
        config.val_evaluator = dict(type="CocoMetric", ann_file=file)
        return settings.evaluation_fingerprint(config)

    known = fingerprint("data/mine", "data/mine/val.json")
    assert fingerprint("/moved/mine/", "/moved/mine/val.json") == known
    others = ("data/mine/test.json", "data/mine-2/val.json", "val-2.json")
    assert known not in [fingerprint("data/mine", file) for file in others]


def test_the_best_checkpoint_depends_on_what_is_validated():
    config = Config.fromfile(CONFIGS / f"{PAIRS[0][1]}.py")
    best = changed(config, "default_hooks.checkpoint.save_best", "mIoU")
    assert (settings.keeps_best(config), settings.keeps_best(best)) == (False, True)
    for key, value in (
        ("val_dataloader.dataset.indices", 3),
        ("model.test_cfg.mode", "slide"),
        ("default_hooks.checkpoint.rule", "less"),
    ):
        for given, same in ((config, True), (best, False)):
            one, two = map(
                settings.training_fingerprint, (given, changed(given, key, value))
            )
            assert (one == two) == same
    other = changed(best, "default_hooks.checkpoint.save_best", "mAcc")
    assert settings.training_fingerprint(other) != settings.training_fingerprint(best)


def test_test_data_are_scored_where_a_config_says_so():
    config = Config.fromfile(DEMO)
    assert settings.scored(config) is config
    config = changed(config, "test_dataloader.dataset.num_images", 7)
    iou = dict(type="IoUMetric", iou_metrics=["mIoU"], ignore_index=9)
    config.merge_from_dict(dict(scored="test", test_evaluator=iou))
    found = settings.scored(config)
    assert found.val_dataloader.dataset.num_images == 7
    quality = dict(type="mmseg_maskformer.PanopticQuality", ignore_index=9)
    assert found.val_evaluator == [iou, quality]
    assert settings.scored(found) is found
    assert config.val_dataloader.dataset.num_images == 200  # still chooses
    config.scored = "train"
    with pytest.raises(ValueError, match="has scored='train'; give 'val' or 'test'"):
        settings.scored(config)


def test_a_preprocessor_beside_the_model_counts_too(tmp_path):
    config = Config.fromfile(DEMO)
    config.data_preprocessor = config.model.pop("data_preprocessor")
    leaf = tmp_path / "leaf.py"
    config.dump(leaf)
    one, other = (
        settings.comparable_config(str(leaf), {"data_preprocessor.bgr_to_rgb": value})
        for value in (True, False)
    )
    for fingerprint in (
        settings.training_fingerprint,
        settings.evaluation_fingerprint,
    ):
        assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model.decode_head": [dict(), dict()]}, r"cascade of heads, 2 in"),
        ({"train_cfg": dict(_delete_=True, max_epochs=3)}, r"no train_cfg\.max_iters"),
    ],
)
def test_configs_that_cannot_be_compared_are_sentences(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        settings.comparable_config(str(DEMO), changes)


# Of TimmWeights, of the host's Pretrained, and of models as a short form of the latter.
@pytest.mark.parametrize("key", ["source", "checkpoint", "pretrained"])
def test_weights_count_by_what_they_hold_not_where_they_are(tmp_path, key):
    def fingerprint(weights, begun="timm"):
        config = Config(dict(model=dict(type="mmseg.FCNHead"), load_from=str(begun)))
        config.model.backbone = dict(init_cfg={key: str(weights)})
        return settings.training_fingerprint(config)

    first, moved, other = (tmp_path / f"{name}.pth" for name in "abc")
    for path, text in ((first, "one"), (moved, "one"), (other, "two")):
        path.write_text(text)
    hub, known = fingerprint("timm"), fingerprint(first)
    assert fingerprint(moved) == known
    begun = fingerprint("timm", first)
    assert fingerprint("timm", moved) == begun
    assert len({hub, known, fingerprint(other), begun, fingerprint("timm", other)}) == 5
    first.write_text("more")
    assert known != fingerprint(first)
    assert begun != fingerprint("timm", first)
