"""The one table of names that a config may use, as ``mmseg_maskformer.NAME``.

The classes know nothing of registries; this module, imported by the first lookup,
registers them.
"""

from __future__ import annotations

from importlib import import_module

from mmseg_maskformer import registry

CATALOG = {
    "MODELS": {
        "adapters.semantic": ("MaskFormerHead", "MaskFormerSegmentor"),
        "core.criterion": ("SetCriterion",),
        "core.losses": (
            "BCEMaskLoss",
            "ClassificationLoss",
            "DiceLoss",
            "FocalMaskLoss",
        ),
        "core.pixel_decoders": ("FPNPixelDecoder", "TransformerEncoder"),
        "core.transformer_decoder": ("TransformerDecoder",),
    },
    "TASK_UTILS": {
        "core.assigners": ("HungarianAssigner",),
        "core.match_costs": ("BCECost", "ClassificationCost", "DiceCost", "FocalCost"),
    },
    "DATASETS": {
        "datasets.ade20k_full": ("ADE20KFullDataset",),
        "datasets.camvid": ("CamVidDataset",),
        "datasets.mapillary": ("MapillaryVistasDataset",),
        "datasets.scenes": ("ScenesDataset",),
    },
    "TRANSFORMS": {
        "datasets.transforms": ("LoadImage", "LoadLabelMap", "ResizeWithLabels")
    },
    "METRICS": {"metrics.panoptic_quality": ("PanopticQuality",)},
    "OPTIM_WRAPPERS": {"engine.amp": ("BFloat16OptimWrapper",)},
    "OPTIM_WRAPPER_CONSTRUCTORS": {
        "engine.optim": ("ModulewiseOptimWrapperConstructor",)
    },
}


def _register_all() -> None:
    for registry_name, modules in CATALOG.items():
        node = getattr(registry, registry_name)
        for module_name, names in modules.items():
            module = import_module(f"{registry.SCOPE}.{module_name}")
            for name in names:
                node.register_module(module=getattr(module, name))


_register_all()
