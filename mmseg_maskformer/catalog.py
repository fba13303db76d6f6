"""The one table of names that a config may use, as ``mmseg_maskformer.NAME``.

The classes know nothing of registries, and this table imports none of them.
"""

from __future__ import annotations

CATALOG: dict[str, dict[str, tuple[str, ...]]] = {
    "MODELS": {
        "adapters.panoptic": ("MaskFormerDetector",),
        "adapters.panoptic_preprocessor": ("DetPreprocessor",),
        "adapters.segmentor": ("MaskFormerSegmentor",),
        "adapters.semantic": ("MaskFormerHead",),
        "adapters.semantic_preprocessor": ("SegPreprocessor",),
        "adapters.tta": ("MaskFormerTTA",),
        "core.box_losses": ("BoxL1Loss", "GIoULoss"),
        "core.classification": ("ClassificationLoss",),
        "core.criterion": ("SetCriterion",),
        "core.losses": ("BCEMaskLoss", "DiceLoss", "FocalMaskLoss"),
        "core.pixel_criterion": ("PixelCriterion",),
        "core.pixel_decoders": ("FPNPixelDecoder", "TransformerEncoder"),
        "core.transformer_decoder": ("TransformerDecoder",),
    },
    "TASK_UTILS": {
        "core.assigners": ("HungarianAssigner",),
        "core.fixed_assigner": ("FixedAssigner",),
        "core.match_costs": (
            "BCECost",
            "BoxL1Cost",
            "ClassificationCost",
            "DiceCost",
            "FocalCost",
            "GIoUCost",
        ),
    },
    "DATASETS": {
        "datasets.ade20k_full": ("ADE20KFullDataset",),
        "datasets.camvid": ("CamVidDataset",),
        "datasets.coco_panoptic": ("CocoInstanceDataset", "CocoPanopticDataset"),
        "datasets.label_map_folders": ("LabelMapDataset",),
        "datasets.mapillary": ("MapillaryVistasDataset",),
        "datasets.panoptic_scenes": ("PanopticScenesDataset",),
        "datasets.panoptic_sets": (
            "ADE20KPanopticDataset",
            "CityscapesPanopticDataset",
        ),
        "datasets.scenes": ("ScenesDataset",),
    },
    "TRANSFORMS": {
        "datasets.label_maps": ("LoadLabelMap",),
        "datasets.panoptic_maps": ("LoadPanopticMap", "PackPanopticInputs"),
        "datasets.image_loading": (
            "InferencerLoader",
            "LoadImage",
            "LoadImageFromFile",
            "LoadImageFromNDArray",
            "ScaleIntensity",
        ),
        "datasets.transforms": ("CheckArray", "ResizeWithLabels"),
    },
    "METRICS": {
        "metrics.calibration": ("CalibrationError",),
        "metrics.coco_metric": ("CocoMetric",),
        "metrics.panoptic_quality": ("PanopticQuality",),
        "metrics.uncertainty": ("UncertaintySummary",),
    },
    "HOOKS": {
        "engine.class_counts": ("CheckClassesHook",),
        "engine.compiling": ("CompileNetworkHook",),
        "engine.evaluated_labels": ("CheckLabelsHook",),
        "engine.finite_loss": ("CheckLossHook",),
        "engine.metric_files": ("CheckMetricFilesHook",),
        "engine.resumed_state": ("CheckResumedHook",),
        "engine.schedule_checks": ("CheckScheduleHook",),
        "engine.seen_labels": ("SeenLabelsHook",),
        "engine.visualization_hook": ("VisualizationHook",),
    },
    "STRATEGIES": {"engine.sharding": ("FSDPStrategy",)},
    "OPTIM_WRAPPERS": {"engine.amp": ("BFloat16OptimWrapper",)},
    "VISUALIZERS": {
        "engine.panoptic_visualizer": ("PanopticVisualizer",),
        "engine.semantic_visualizer": ("SemanticVisualizer",),
    },
    "OPTIM_WRAPPER_CONSTRUCTORS": {
        "engine.optim": ("ModulewiseOptimWrapperConstructor",)
    },
}
