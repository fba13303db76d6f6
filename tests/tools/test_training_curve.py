"""Curves of scores stand at the iterations where the host's logs measured them."""

from __future__ import annotations

import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.model import BaseModel
from mmengine.runner import Runner

from analysis.training_curve import read_scalars, series


class Model(BaseModel):
    """A number whose loss is itself."""

    def __init__(self):
        super().__init__()
        self.number = torch.nn.Parameter(torch.ones(()))

    def forward(self, inputs, mode):
        return dict(loss=self.number) if mode == "loss" else [self.number]


class Count(BaseMetric):
    """How many validations there were, as a score."""

    validations = 0

    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        self.validations += 1
        return dict(mIoU=self.validations)


@pytest.mark.parametrize("by_epoch", [False, True])
def test_scores_stand_at_their_iteration(by_epoch, tmp_path):
    """Two epochs of five; the host gives scores that are logged by epoch 1 and 2."""
    loader = dict(batch_size=1, sampler=dict(type="DefaultSampler"))
    logger = dict(type="LoggerHook", interval=1, log_metric_by_epoch=by_epoch)
    Runner(
        model=Model(),
        work_dir=str(tmp_path),
        train_dataloader=dict(loader, dataset=[dict(inputs=0.0)] * 5),
        val_dataloader=dict(loader, dataset=[dict(inputs=0.0)]),
        train_cfg=dict(by_epoch=True, max_epochs=2),
        val_cfg={},
        val_evaluator=Evaluator(Count()),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
        default_hooks=dict(logger=logger, checkpoint=None),
        experiment_name=f"{tmp_path.parent.name}-{tmp_path.name}",
        default_scope="mmseg",
    ).train()
    records = read_scalars(tmp_path)
    assert series(records, "mIoU") == {5: 1, 10: 2}
    assert list(series(records, "loss")) == list(range(1, 11))
