"""The auxiliary head of the host's recipes for ResNet-18, on the maps of stride 16."""

auxiliary_head = dict(
    type="FCNHead",
    in_channels=256,
    in_index=2,
    channels=64,
    num_convs=1,
    concat_input=False,
    dropout_ratio=0.1,
    num_classes=150,
    norm_cfg=dict(type="BN", requires_grad=True),
    align_corners=False,
    loss_decode=dict(type="CrossEntropyLoss", loss_weight=0.4),
)
