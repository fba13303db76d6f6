"""EfficientNet-Lite0 with ImageNet weights, 3.0 million parameters, for both hosts.

timm fetches the weights from its hub, or they are read from the file, in timm's names,
that the environment variable MASKFORMER_BACKBONE names. A config names this file beside
a model file and takes backbone, widths and normalisation from it.
"""

backbone_weights = "{{$MASKFORMER_BACKBONE:timm}}"
efficientnet_lite0 = dict(
    _delete_=True,
    type="mmseg.TIMMBackbone",
    model_name="tf_efficientnet_lite0",
    features_only=True,
    out_indices=(1, 2, 3, 4),
    pretrained=False,  # init_cfg loads the weights, and refuses incomplete ones
    init_cfg=dict(type="mmseg_maskformer.TimmWeights", source=backbone_weights),
)
widths = [24, 40, 112, 320]
centred = dict(mean=[127.5] * 3, std=[127.5] * 3)
