"""The one table of names that a config may use, as ``mmseg_maskformer.NAME``.

The classes know nothing of registries, and this table imports none of them.
"""

from __future__ import annotations

CATALOG: dict[str, dict[str, tuple[str, ...]]] = {
    "MODELS": {
        "adapters.decode_head_pixels": ("DecodeHeadPixelDecoder",),
        "adapters.panoptic": ("MaskFormerDetector",),
        "adapters.panoptic_preprocessor": ("DetPreprocessor",),
        "adapters.segmentor": ("MaskFormerSegmentor",),
        "adapters.semantic": ("MaskFormerHead",),
        "adapters.semantic_preprocessor": ("SegPreprocessor",),
        "adapters.tta": ("MaskFormerTTA",),
        "core.bifpn": ("BiFPNPixelDecoder",),
        "core.box_losses": ("BoxL1Loss", "GIoULoss"),
        "core.classification": ("ClassificationLoss",),
        "core.criterion": ("SetCriterion",),
        "core.decoders": ("TransformerDecoder",),
        "core.deformable": ("MSDeformAttnPixelDecoder",),
        "core.losses": ("BCEMaskLoss", "DiceLoss", "FocalMaskLoss"),
        "core.masked_decoder": ("MaskedTransformerDecoder",),
        "core.maskformer": ("MaskFormer",),
        "core.per_pixel": ("PerPixelBaseline",),
        "core.pixel_criterion": ("PixelCriterion",),
        "core.pixel_decoders": ("FPNPixelDecoder", "TransformerEncoder"),
        "core.semantic_fpn": ("SemanticFPNPixelDecoder",),
    },
    "TASK_UTILS": {
        "core.assigners": ("HungarianAssigner",),
        "core.fixed_assigner": ("FixedAssigner",),
        "core.mask_comparison": ("DenseMasks", "PointMasks"),
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
        "datasets.ccp": ("CCPDataset",),
        "datasets.coco_panoptic": ("CocoInstanceDataset", "CocoPanopticDataset"),
        "datasets.coco_semantic": ("COCOSemanticDataset",),
        "datasets.instance_sets": (
            "ADE20KInstanceDataset",
            "CityscapesInstanceDataset",
        ),
        "datasets.label_map_folders": ("LabelMapDataset",),
        "datasets.mapillary": ("MapillaryVistasDataset",),
        "datasets.scenes.panoptic": ("PanopticScenesDataset",),
        "datasets.panoptic_sets": (
            "ADE20KPanopticDataset",
            "CityscapesPanopticDataset",
            "MapillaryPanopticDataset",
        ),
        "datasets.scenes.semantic": ("ScenesDataset",),
    },
    "TRANSFORMS": {
        "datasets.transforms.fixed_size": ("LargeScaleJitter", "RandomWindow"),
        "datasets.transforms.label_maps": ("LoadLabelMap",),
        "datasets.transforms.panoptic_maps": ("LoadPanopticMap", "PackPanopticInputs"),
        "datasets.transforms.image_loading": (
            "InferencerLoader",
            "LoadImage",
            "LoadImageFromFile",
            "LoadImageFromNDArray",
            "ScaleIntensity",
        ),
        "datasets.transforms.resizing": ("CheckArray", "ResizeWithLabels"),
    },
    "METRICS": {
        "metrics.calibration": ("CalibrationError",),
        "metrics.class_iou": ("IoUMetric",),
        "metrics.coco_metric": ("CocoMetric",),
        "metrics.thing_ap": ("ThingAP",),
        "metrics.panoptic_quality": ("PanopticQuality",),
        "metrics.panoptic_errors": ("PanopticErrors",),
        "metrics.uncertainty": ("UncertaintySummary",),
    },
    "HOOKS": {
        "engine.hooks.average_norms_hook": ("AverageNormsHook",),
        "engine.hooks.check_classes_hook": ("CheckClassesHook",),
        "engine.hooks.compile_network_hook": ("CompileNetworkHook",),
        "engine.hooks.check_labels_hook": ("CheckLabelsHook",),
        "engine.hooks.check_loss_hook": ("CheckLossHook",),
        "engine.hooks.check_metric_files_hook": ("CheckMetricFilesHook",),
        "engine.hooks.check_resumed_hook": ("CheckResumedHook",),
        "engine.hooks.check_schedule_hook": ("CheckScheduleHook",),
        "engine.hooks.rank_seed_hook": ("RankSeedHook",),
        "engine.hooks.seen_labels_hook": ("SeenLabelsHook",),
        "engine.hooks.visualization_hook": ("VisualizationHook",),
    },
    "STRATEGIES": {"engine.sharding": ("FSDPStrategy",)},
    "OPTIM_WRAPPERS": {"engine.amp": ("BFloat16OptimWrapper",)},
    "WEIGHT_INITIALIZERS": {"adapters.timm_weights": ("TimmWeights",)},
    "VISUALIZERS": {
        "visualization.panoptic_visualizer": ("PanopticVisualizer",),
        "visualization.semantic_visualizer": ("SemanticVisualizer",),
    },
    "OPTIM_WRAPPER_CONSTRUCTORS": {
        "engine.optim": ("ModulewiseOptimWrapperConstructor",)
    },
}
