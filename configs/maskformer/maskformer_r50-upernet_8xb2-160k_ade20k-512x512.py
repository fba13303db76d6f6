"""MaskFormer R50 with UPerNet as the pixel decoder: an example, not in the paper.

Section 3.3 of the paper: any per-pixel model can classify masks. Other decode heads of
MMSegmentation take the same place.

bash tools/dist_train.sh \
    configs/maskformer/maskformer_r50-upernet_8xb2-160k_ade20k-512x512.py 8
"""

_base_ = "maskformer_r50_8xb2-160k_ade20k-512x512.py"

model = dict(
    decode_head=dict(
        network=dict(
            pixel_decoder=dict(
                _delete_=True,
                type="DecodeHeadPixelDecoder",
                decode_head=dict(
                    type="UPerHead",
                    pool_scales=(1, 2, 3, 6),
                    channels=256,
                    dropout_ratio=0.0,
                    norm_cfg=dict(type="SyncBN"),
                ),
            )
        )
    )
)
