"""Registries of the package: children of mmengine's, filled name by name when asked.

``type='mmseg_maskformer.MaskFormerHead'`` in a config makes mmengine import this module
and then, through :mod:`mmseg_maskformer.catalog`, the module of that one name; no
``custom_imports`` are needed, and a host is imported only for a name that needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from mmengine import registry as root

from mmseg_maskformer.catalog import CATALOG
from mmseg_maskformer.compat import allow_checkpoint_classes

SCOPE = "mmseg_maskformer"


def type_name(settings: Mapping[str, Any]) -> str:
    """The class that a part of a config asks for, without scope; "" if it says none."""
    kind = settings.get("type", "")
    return str(getattr(kind, "__name__", kind)).rpartition(".")[2]


def is_ours(settings: Mapping[str, Any]) -> bool:
    """Whether a part of a config asks for a class of this package."""
    kind = settings.get("type", "")
    return str(getattr(kind, "__module__", kind)).startswith(f"{SCOPE}.")


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


def registered_name(kind: type) -> str | None:
    """What a config calls a class: "mmseg.FCNHead"; None for one in no registry.

    A class of mmengine's registries has no scope, unless a child has one of its name.
    """
    name = kind.__name__
    for parent in vars(root).values():
        if not isinstance(parent, root.Registry):
            continue
        registries = (parent, *parent.children.values())
        known = [x for x in registries if name in {*x.module_dict, *_catalog(x)}]
        for registry in known:
            if registry.get(name) is kind:
                return name if known == [parent] else f"{registry.scope}.{name}"
    return None


def _catalog(registry: root.Registry) -> Iterable[str]:
    return registry.catalog if isinstance(registry, CatalogRegistry) else ()


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
