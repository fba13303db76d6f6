"""Registries of the package: children of mmengine's, filled when first asked.

``type='mmseg_maskformer.MaskFormerHead'`` in a config makes mmengine import this module
and then, for the name, :mod:`mmseg_maskformer.catalog`; no ``custom_imports`` are
needed.
"""

from mmengine import registry as root

from mmseg_maskformer.compat import allow_checkpoint_classes

SCOPE = "mmseg_maskformer"


def _child(parent: root.Registry) -> root.Registry:
    return root.Registry(
        parent.name, parent=parent, scope=SCOPE, locations=[f"{SCOPE}.catalog"]
    )


MODELS = _child(root.MODELS)
TASK_UTILS = _child(root.TASK_UTILS)
DATASETS = _child(root.DATASETS)
TRANSFORMS = _child(root.TRANSFORMS)
METRICS = _child(root.METRICS)
HOOKS = _child(root.HOOKS)
OPTIM_WRAPPERS = _child(root.OPTIM_WRAPPERS)
OPTIM_WRAPPER_CONSTRUCTORS = _child(root.OPTIM_WRAPPER_CONSTRUCTORS)

allow_checkpoint_classes()
