"""Data sets as a config names them, on the folders that the preparations write."""

from __future__ import annotations

from mmengine.registry import DATASETS, DefaultScope


def prepared(kind, root, split, pipeline=(), **kwargs):
    """The data set `kind` on what was prepared below `root`."""
    config = dict(
        type=kind,
        data_root=str(root),
        data_prefix=dict(
            img_path=f"images_detectron2/{split}",
            seg_map_path=f"annotations_detectron2/{split}",
        ),
        pipeline=[
            dict(type="mmseg_maskformer.LoadImage"),
            dict(type="mmseg_maskformer.LoadLabelMap"),
            *pipeline,
        ],
        **kwargs,
    )
    with DefaultScope.overwrite_default_scope("mmseg"):
        return DATASETS.build(config)
