"""Registries of the package: children of mmengine's, filled name by name when asked.

``type='mmseg_maskformer.MaskFormerHead'`` in a config makes mmengine import this module
and then, through :mod:`mmseg_maskformer.catalog`, the module of that one name; no
``custom_imports`` are needed, and a host is imported only for a name that needs it.
"""

from __future__ import annotations

from importlib import import_module

from mmengine import registry as root

from mmseg_maskformer.catalog import CATALOG
from mmseg_maskformer.compat import allow_checkpoint_classes

SCOPE = "mmseg_maskformer"


class CatalogRegistry(root.Registry):
    """A registry that finds its classes through a table of modules.

    Args:
        parent: mmengine's registry of the same kind.
        modules: names of classes by the module, inside the package, that holds them.
    """

    def __init__(
        self, parent: root.Registry, modules: dict[str, tuple[str, ...]]
    ) -> None:
        super().__init__(parent.name, parent=parent, scope=SCOPE)
        self.catalog = {name: path for path, names in modules.items() for name in names}

    def get(self, key: str) -> type | None:
        """The class of that name, imported if it is the first to ask."""
        scope, name = self.split_scope_key(key)
        path = self.catalog.get(name) if scope in (None, SCOPE) else None
        if path is not None and name not in self.module_dict:
            module = import_module(f"{SCOPE}.{path}")
            self.register_module(module=getattr(module, name))
        return super().get(key)


MODELS = CatalogRegistry(root.MODELS, CATALOG["MODELS"])
TASK_UTILS = CatalogRegistry(root.TASK_UTILS, CATALOG["TASK_UTILS"])
DATASETS = CatalogRegistry(root.DATASETS, CATALOG["DATASETS"])
TRANSFORMS = CatalogRegistry(root.TRANSFORMS, CATALOG["TRANSFORMS"])
METRICS = CatalogRegistry(root.METRICS, CATALOG["METRICS"])
HOOKS = CatalogRegistry(root.HOOKS, CATALOG["HOOKS"])
VISUALIZERS = CatalogRegistry(root.VISUALIZERS, CATALOG["VISUALIZERS"])
STRATEGIES = CatalogRegistry(root.STRATEGIES, CATALOG["STRATEGIES"])
OPTIM_WRAPPERS = CatalogRegistry(root.OPTIM_WRAPPERS, CATALOG["OPTIM_WRAPPERS"])
WEIGHT_INITIALIZERS = CatalogRegistry(
    root.WEIGHT_INITIALIZERS, CATALOG["WEIGHT_INITIALIZERS"]
)
OPTIM_WRAPPER_CONSTRUCTORS = CatalogRegistry(
    root.OPTIM_WRAPPER_CONSTRUCTORS, CATALOG["OPTIM_WRAPPER_CONSTRUCTORS"]
)

allow_checkpoint_classes()
