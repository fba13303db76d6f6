"""What the strategy of sharded parameters refuses; test_stacks.py trains by it."""

from __future__ import annotations

import pytest
from mmengine.registry import STRATEGIES


def test_checkpoints_are_whole(tmp_path):
    given = dict(type="mmseg_maskformer.FSDPStrategy", work_dir=str(tmp_path))
    assert STRATEGIES.build(given)._is_full_state_dict()
    with pytest.raises(ValueError, match=r"^strategy\.state_dict_cfg='local' writes"):
        STRATEGIES.build(dict(given, state_dict_cfg="local"))
