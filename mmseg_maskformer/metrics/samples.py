"""Maps in the data samples of either host, as mmengine hands them to metrics."""

from __future__ import annotations

import numpy as np

from mmseg_maskformer.core.messages import image_name


def map_of_sample(sample: dict, key: str, metric: str, remedy: str) -> np.ndarray:
    """(H, W) of a map, which stands under "data" in mmseg and "sem_seg" in mmdet.

    Args:
        sample: as a dictionary.
        key: of the map.
        metric: that needs it.
        remedy: what helps where it is absent.

    Raises:
        KeyError: It is absent.
    """
    if key not in sample:
        raise KeyError(
            f"{metric} needs {key} in every data sample, but {image_name(sample)} has "
            f"{sorted(sample)}. {remedy}"
        )
    field = sample[key]
    data = field["data" if "data" in field else "sem_seg"]
    return data.reshape(data.shape[-2:]).cpu().numpy()


def true_segments(
    sample: dict, metric: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """What ``PackPanopticInputs`` packs: ``gt_segment_map`` and ``gt_segments``.

    Args:
        sample: as a dictionary.
        metric: that needs them.

    Returns:
        (H, W) numbers of segments; ``ids``, ``labels`` and ``is_thing`` of these.

    Raises:
        KeyError: They are absent.
    """
    remedy = "Put PackPanopticInputs into the pipeline of the evaluated data set."
    numbers = map_of_sample(sample, "gt_segment_map", metric, remedy)
    return numbers, {key: x.cpu().numpy() for key, x in sample["gt_segments"].items()}
