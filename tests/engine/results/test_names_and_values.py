"""Names of the files of results, and the values in their label maps."""

from __future__ import annotations

import numpy as np
import pytest
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.registry import DefaultScope
from mmseg.datasets import ADE20KDataset, CityscapesDataset
from PIL import Image

from mmseg_maskformer.datasets.label_map_folders import LabelMapDataset
from mmseg_maskformer.datasets.mapillary import MapillaryVistasDataset
from mmseg_maskformer.datasets.scenes.semantic import ScenesDataset
from mmseg_maskformer.datasets.transforms.label_maps import LoadLabelMap
from mmseg_maskformer.datasets.wrappers import leaf_datasets
from mmseg_maskformer.engine.results.files import ResultFiles
from mmseg_maskformer.engine.results.images import image_files
from mmseg_maskformer.engine.results.label_maps import LabelValues, write_label_map


class Named(BaseDataset):
    """Images of these paths; an id stands behind a colon."""

    def __init__(self, *paths, folder=""):
        self.rows = [path.split(":") for path in paths]
        prefix, known = dict(img_path=folder), dict(classes=())
        super().__init__(data_prefix=prefix, metainfo=known, lazy_init=True)

    def load_data_list(self):
        keys = ("img_path", "img_id")
        return [dict(zip(keys, row, strict=False)) for row in self.rows]


def maps(*paths, **options):
    return [x.map for x in image_files([Named(*paths, **options)]).values()]


def test_equal_names_in_folders_stay_apart():
    paths = [f"set/{day}/{name}.jpg" for day in "ab" for name in "123"]
    assert maps(*paths) == ["a/1.png", "a/2.png", "a/3.png"] + [
        "b/1.png",
        "b/2.png",
        "b/3.png",
    ]


@pytest.mark.parametrize(
    ("folder", "name"), [("set", "a/b/1.png"), ("", "1.png"), ("se", "1.png")]
)
def test_folders_below_that_of_the_data_set_stay(folder, name):
    assert maps("set/a/b/1.jpg", folder=folder) == [name]


def test_a_suffix_that_tells_images_apart_stays():
    found = maps("set/a.jpg", "set/a.png", "set/A.tif", "set/b.jpg")
    assert found == ["a.jpg.png", "a.png.png", "A.tif.png", "b.png"]


def test_names_made_longer_do_not_meet_others():
    found = maps("set/a.jpg", "set/a.bmp", "set/a.jpg.tif")
    assert found == ["a.jpg.png", "a.bmp.png", "a.jpg.tif.png"]


def test_results_of_images_elsewhere_stay_in_the_folder():
    """A list may name images by "..": their maps must not go where they lie."""
    found = maps("set/1.jpg", "set/../other/2.jpg", folder="set")
    assert found == ["set/1.png", "other/2.png"]


def test_a_file_for_a_folder_is_refused_before_the_evaluation(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(ValueError, match="out is a file; name a folder"):
        ResultFiles(tmp_path / "out", Named("set/1.jpg"))


@pytest.mark.parametrize("name", ["1.png", "panoptic/1.png", "instances.json"])
def test_nothing_is_written_over_unless_asked_for(name, tmp_path):
    """It may be the user's own label map of the image."""
    file = tmp_path / "labels" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"drawn by hand")
    with pytest.raises(FileExistsError, match=rf"{name} is there already, .*--force"):
        ResultFiles(tmp_path / "labels", Named("set/1.jpg"))
    file.rename(tmp_path / "labels/annotations.json")  # of listed images alone
    ResultFiles(tmp_path / "labels", Named("set/1.jpg"))


def test_no_process_waits_for_one_that_refuses(monkeypatch, tmp_path):
    """Launchers other than torchrun do not end the others."""
    (tmp_path / "1.png").touch()
    monkeypatch.setattr("mmengine.dist.utils.get_rank", lambda group=None: 1)
    with pytest.raises(FileExistsError, match=r"1\.png is there already"):
        ResultFiles(tmp_path, Named("set/1.jpg"))


def test_joined_data_sets_keep_their_folders_and_places():
    twice = Named("x/1.jpg", "x/2.jpg")
    joined = ConcatDataset([twice, twice, Named("y/1.jpg")])
    found = image_files(leaf_datasets(joined))
    assert {path: (x.image_id, x.map) for path, x in found.items()} == {
        "x/1.jpg": (1, "x/1.png"),
        "x/2.jpg": (2, "x/2.png"),
        "y/1.jpg": (3, "y/1.png"),
    }


def test_one_id_for_two_images_is_a_sentence():
    message = r"^x/1\.jpg and y/1\.jpg have the same image id 7, so that results"
    with pytest.raises(ValueError, match=message):
        image_files([Named("x/1.jpg:7", "y/1.jpg:7")])


def test_scenes_are_not_drawn_for_their_names(monkeypatch):
    scenes = ScenesDataset(num_images=2, pipeline=[])
    monkeypatch.delattr(type(scenes.split), "render")
    names = [x.map for x in image_files([scenes]).values()]
    assert names == ["000000.png", "000001.png"]


CLASSES = tuple(f"class {i}" for i in range(300))


def written(tmp_path, labels, kind=LabelMapDataset, classes=CLASSES, **options):
    """The map in a file, and what the data set loads from it."""
    (tmp_path / "images").mkdir()
    Image.new("RGB", (len(labels), 1)).save(tmp_path / "images/x.jpg")
    settings = dict(img_suffix=".jpg", seg_map_suffix=".png", metainfo=dict())
    settings["metainfo"]["classes"] = classes
    dataset = kind(
        data_root=str(tmp_path),
        data_prefix=dict(img_path="images", seg_map_path=""),
        pipeline=[],
        **settings,
        **options,
    )
    values = LabelValues.of(dataset).encode(np.array([labels]))
    write_label_map(tmp_path / "x.png", values)
    info = dict(dataset.get_data_info(0), seg_fields=[])
    if kind is CityscapesDataset:
        return np.asarray(Image.open(tmp_path / "x.png")), None
    loaded = LoadLabelMap(imdecode_backend="pillow").transform(info)["gt_seg_map"]
    return np.asarray(Image.open(tmp_path / "x.png")), loaded[0].tolist()


@pytest.mark.parametrize(
    ("number", "reduce", "labels", "values", "bits"),
    [
        (255, False, [0, 254, 255], [0, 254, 255], 8),
        (256, False, [0, 255, 65535], [0, 255, 65535], 16),
        (300, False, [14, 270, 65535], [14, 270, 65535], 16),
        (150, True, [0, 149, 255], [1, 150, 0], 8),  # ADE20K's server
        (254, True, [0, 253], [1, 254], 8),
        (256, True, [0, 255], [1, 256], 16),
    ],
)
def test_values_are_those_that_the_data_set_reads(
    tmp_path, number, reduce, labels, values, bits
):
    options = dict(classes=CLASSES[:number], reduce_zero_label=reduce)
    found, loaded = written(tmp_path, labels, **options)
    assert found.tolist() == [values]
    assert found.dtype == f"uint{bits}"
    assert loaded == labels


def test_a_choice_of_classes_has_the_values_of_all(tmp_path):
    found, loaded = written(tmp_path, [0, 1, 255], ADE20KDataset, ("tree", "wall"))
    assert found.tolist() == [[5, 1, 0]]  # places 4 and 0 of ADE20K, plus one
    assert loaded == [0, 1, 255]


def test_void_of_mapillary_is_its_own_label(tmp_path):
    classes = MapillaryVistasDataset.METAINFO["classes"]
    found, loaded = written(tmp_path, [0, 64, 255], MapillaryVistasDataset, classes)
    assert found.tolist() == [loaded] == [[0, 64, 65]]
    assert found.dtype == "uint8"


def test_cityscapes_has_the_ids_of_its_server(tmp_path):
    classes = CityscapesDataset.METAINFO["classes"]
    found, _ = written(tmp_path, [0, 1, 10, 18, 255], CityscapesDataset, classes)
    assert found.tolist() == [[7, 8, 23, 33, 0]]


@pytest.mark.mmdet
@pytest.mark.parametrize(
    ("classes", "values", "void"),
    [
        (None, dict(wall=1, bed=8, flag=150), 0),
        (("bed", "wall"), dict(bed=8, wall=1), 0),
        (("bolt", "plate"), dict(bolt=0, plate=1), 255),  # of one's own
    ],
    ids=["all", "some", "own"],
)
def test_classes_of_panoptic_ade20k_have_the_values_of_the_semantic_set(
    classes, values, void
):
    pytest.importorskip("mmdet")
    from mmseg_maskformer.datasets.panoptic_sets import ADE20KPanopticDataset

    meta = None if classes is None else dict(classes=classes)
    with DefaultScope.overwrite_default_scope("mmdet"):
        dataset = ADE20KPanopticDataset(
            metainfo=meta, data_prefix=dict(img=""), lazy_init=True
        )
    found = LabelValues.of(dataset)
    names = dataset.metainfo["classes"]
    of_class = dict(zip(names, found.of_class.tolist(), strict=True))
    assert {name: of_class[name] for name in values} == values
    assert found.void == void
    if classes is None:
        assert sorted(of_class.values()) == list(range(1, 151))
