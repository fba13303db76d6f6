"""Images of 1, 2, 4 and 6 channels and of 16 bits, from the file to the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope
from mmengine.runner import Runner
from mmseg.apis import MMSegInferencer, inference_model
from PIL import Image

from benchmark_lib.complexity import measure_complexity
from mmseg_maskformer.adapters.tta import MaskFormerTTA
from mmseg_maskformer.checkpoints.channels import with_channels
from query_lib.analysis import query_predictions
from shared.prediction_sheet import predict_rows, prediction_sheet
from tests.channels import config_of, write_scenes


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """The folder of scenes of a kind, written when it is first asked for."""
    made = {}

    def folder(kind):
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp("scenes") / kind
            write_scenes(made[kind], kind)
        return made[kind]

    return folder


def built(config):
    """The model, with logits that differ, and the samples of the evaluation."""
    init_default_scope("mmseg")
    torch.manual_seed(0)
    model = MODELS.build(config.model).eval()
    network = model.decode_head.network
    torch.nn.init.normal_(network.class_head.weight)
    for layer in list(network.mask_head)[::2]:
        torch.nn.init.normal_(layer.weight, std=0.2)
    return model, DATASETS.build(config.val_dataloader.dataset)


@torch.no_grad()
def predictions(model, dataset):
    """Class and mask logits of the last layer, and label maps."""
    batch = pseudo_collate([dataset[index] for index in range(len(dataset))])
    data = model.data_preprocessor(batch, False)
    metas = [sample.metainfo for sample in data["data_samples"]]
    size = tuple(data["inputs"].shape[-2:])
    output = model.decode_head.predict_layer(
        model.extract_feat(data["inputs"]), metas, size
    )
    labels = [x.pred_sem_seg.data for x in model.test_step(batch)]
    return output.class_logits, output.mask_logits, torch.cat(labels)


@pytest.mark.parametrize("channels", [4, 6])
def test_copies_of_the_colours_give_the_same_logits(folder_of, tmp_path, channels):
    model, scenes = built(config_of(folder_of("3 channels"), 3, tmp_path))
    config = config_of(folder_of(f"{channels} channels"), channels, tmp_path)
    other, copies = built(config)
    weights = model.state_dict()
    (stem,) = [name for name, x in weights.items() if x.ndim == 4 and x.shape[1] == 3]
    weights[stem] = with_channels(weights[stem], channels)
    other.load_state_dict(weights)
    expected, found = predictions(model, scenes), predictions(other, copies)
    for ours, wanted in zip(found[:2], expected[:2], strict=True):
        assert wanted.std() > 1
        torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-4)
    assert (found[2] == expected[2]).double().mean() > 0.999


def test_16_bits_give_the_same_labels(folder_of, tmp_path):
    model, scenes = built(config_of(folder_of("3 channels"), 3, tmp_path))
    deep = built(config_of(folder_of("16 bits"), 3, tmp_path))[1]
    assert torch.equal(deep[0]["inputs"], scenes[0]["inputs"])
    found, expected = (predictions(model, dataset) for dataset in (deep, scenes))
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_a_model_trains_evaluates_predicts_and_paints(
    folder_of, tmp_path, monkeypatch, channels
):
    monkeypatch.setattr(Config, "pretty_text", "")  # its formatting takes seconds
    folder = folder_of(f"{channels} channels")
    config = config_of(folder, channels, tmp_path)
    runner = Runner.from_cfg(config)
    runner.train()
    runner.test()
    model, dataset = runner.model.eval(), runner.val_dataloader.dataset
    assert model.backbone.conv1.in_channels == channels
    labels = predictions(model, dataset)[2]
    painted = sorted(path.name for path in tmp_path.rglob("vis_image/*.png"))
    names = ["test_0.tif_1.png", "test_1.tif_2.png", "val_0.tif_2.png"]
    assert painted == names  # both of the test, the first of the validation

    path = folder / "images/0.tif"
    model.cfg, model.dataset_meta = config, dataset.metainfo
    by_path = inference_model(model, str(path)).pred_sem_seg.data
    assert torch.equal(by_path, labels[:1])
    weights = str(tmp_path / "iter_2.pth")
    inferencer = MMSegInferencer(config, weights, device="cpu")
    pixels = dataset[0]["inputs"].permute(1, 2, 0).numpy()
    found = inferencer([str(path), pixels], show=False)["predictions"]
    assert all(np.array_equal(x, labels[0].numpy()) for x in found)
    shown = inferencer(pixels, return_vis=True)["visualization"]
    assert shown.shape == (64, 64, 3)

    rows = predict_rows(model, dataset, indices=[0, 1])
    with Image.open(path.parents[1] / "annotations/0.png") as truth:
        assert np.array_equal(rows[0].truth, np.asarray(truth))
    assert np.array_equal(rows[0].image[..., 0], pixels[..., 0])
    meta = dataset.metainfo
    prediction_sheet(rows, meta["classes"], meta["palette"], width=64)
    assert measure_complexity(model, (64, 64)).total > 0
    queries = next(query_predictions(model, dataset))
    assert np.array_equal(queries.image, rows[0].image)

    dataset = DATASETS.build(
        dict(config.val_dataloader.dataset, pipeline=config.tta_pipeline)
    )
    (sample,) = MaskFormerTTA(model).test_step(pseudo_collate([dataset[0]]))
    assert sample.pred_sem_seg.data.shape == (1, 64, 64)
