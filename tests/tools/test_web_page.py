"""The page of tools/web_demo.py in Chromium, where it, gradio and Selenium are there.

pip install gradio selenium
apt install chromium chromium-driver
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import time
from contextlib import suppress
from io import BytesIO
from types import SimpleNamespace
from urllib.request import urlopen

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("mmdet")
pytest.importorskip("gradio")
pytest.importorskip("selenium")

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from mmseg_maskformer.core.inference import class_probs
from mmseg_maskformer.core.panoptic import panoptic_segments
from mmseg_maskformer.inference import Predictor
from tests.helpers.inference import PANOPTIC, write_weights
from web_demo_lib.explorer import Explorer
from web_demo_lib.page import serve

SECONDS = 60  # to wait for anything, at most
OPTIONS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--window-size=1400,2000",
]


class Page:
    """What is seen and done in a page."""

    def __init__(self, driver):
        self.driver = driver

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """Of the first element; empty where there is none."""
        return next((element.text for element in self.all(selector)), "")

    def rows(self, task):
        """Cells of a table below its header."""
        rows = self.all(f"#{task}-table [role=row]")[1:]
        cells = [x.find_elements(By.CSS_SELECTOR, "[role=gridcell]") for x in rows]
        return [[cell.text for cell in row] for row in cells]

    def picture(self, name):
        """What an image shows, and where it is from; None where there is none."""
        sources = [x.get_attribute("src") for x in self.all(f"#{name} img")]
        if not sources:
            return None
        with urlopen(sources[0]) as answer:
            return np.array(Image.open(BytesIO(answer.read())))

    def log(self, kind):
        return self.driver.get_log(kind)


def soon(found, wanted):
    """Assert that a function gives what is wanted, at once or after a while."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with suppress(WebDriverException, OSError):  # elements come and go
            if np.array_equal(found(), wanted):
                return
        time.sleep(0.1)
    np.testing.assert_array_equal(found(), wanted)


@pytest.fixture(scope="module")
def driver():
    """Chromium without a window, which keeps its console and requests."""
    paths = [shutil.which("chromium"), shutil.which("chromedriver")]
    if not all(paths):
        pytest.skip("there is no chromium with its chromedriver")
    options = ChromeOptions()
    options.binary_location = paths[0]
    for option in OPTIONS:
        options.add_argument(option)
    logs = {"browser": "ALL", "performance": "ALL"}
    options.set_capability("goog:loggingPrefs", logs)
    driver = Chrome(options, ChromeService(paths[1]))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def served(shared_data, tmp_path_factory):
    """A panoptic model of random weights, its page, and the hosts that it asks for."""
    path = sorted((shared_data / "camvid/images/val").iterdir())[0]
    folder = tmp_path_factory.mktemp("page")
    weights = write_weights(folder, PANOPTIC, pixels=np.array(Image.open(path)))
    overrides = {"model.test_cfg.object_mask_thr": 0.5}
    overrides["model.test_cfg.iou_thr"] = 0.0
    predictor = Predictor(PANOPTIC, weights, "cpu", overrides)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hosts, look_up = [], socket.getaddrinfo

    def noted(host, *arguments, **options):
        hosts.append(host)
        return look_up(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "uploads"))
        patch.setattr(socket, "getaddrinfo", noted)
        page = serve(Explorer(predictor), "scenes", [path], "127.0.0.1", port)
        yield SimpleNamespace(
            predictor=predictor, path=path, url=page.local_url, hosts=hosts
        )
        page.close()


@pytest.fixture(scope="module")
def page(driver, served):
    """The page with an image of CamVid, 480 x 360 pixels."""
    driver.get(served.url)
    page = Page(driver)
    soon(lambda: len(page.all("#file input[type=file]")), 1)
    page.all("#file input[type=file]")[0].send_keys(str(served.path))
    soon(lambda: "480 x 360 pixels" in page.text("#status"), True)
    return page


def panoptic_rows(served, **thresholds):
    """Class, segments and pixels, by the rule itself."""
    logits = served.predictor.logits(served.predictor.load(served.path))
    found = panoptic_segments(*logits, num_things=6, **thresholds)
    names = np.array([*served.predictor.meta["classes"], "void"])
    labels = np.array([12, *found.labels])[found.segment_map]
    rows = []
    for label, pixels in zip(*np.unique(labels, return_counts=True), strict=True):
        segments = (found.labels == label).sum()
        rows.append([names[label], str(int(segments)), str(pixels)])
    return sorted(rows, key=lambda row: -int(row[2]))


def test_pictures_and_counts_are_those_of_the_predictor(page, served):
    (found,) = served.predictor(served.path)
    labels = found.result("semantic").sem_seg[0].numpy()
    names = served.predictor.meta["classes"]
    values, pixels = np.unique(labels, return_counts=True)
    order = np.argsort(-pixels, kind="stable")
    wanted = [[names[values[k]], str(pixels[k])] for k in order]
    assert len(wanted) > 1
    soon(lambda: [row[:2] for row in page.rows("semantic")], wanted)
    for task in ("panoptic", "semantic"):
        soon(lambda task=task: page.picture(f"{task}-picture"), found.picture(task))


def test_a_threshold_applies_the_rule_again(page, served):
    start = panoptic_rows(served, score_threshold=0.5, overlap_threshold=0.0)
    soon(lambda: [row[:3] for row in page.rows("panoptic")], start)
    (number,) = page.all("input[type=number][aria-label*=object_mask_thr]")
    number.send_keys(Keys.CONTROL, "a")
    number.send_keys("0.8", Keys.ENTER)
    wanted = panoptic_rows(served, score_threshold=0.8, overlap_threshold=0.0)
    soon(lambda: [row[:3] for row in page.rows("panoptic")], wanted)
    counts = [sum(int(row[1]) for row in rows) for rows in (start, wanted)]
    assert counts == [6, 3]


def test_a_click_lists_the_queries_of_a_pixel(page, served):
    """The pixel is within 2 of where the middle of the picture is hit."""
    predictor = served.predictor
    loaded = predictor.load(served.path)
    class_logits, mask_logits, placement = predictor.logits(loaded)
    image = page.all("#semantic-picture img")[0]
    ActionChains(page.driver).move_to_element(image).click().perform()
    soon(lambda: "At column" in page.text("#queries"), True)
    column, row = map(int, re.findall(r"\d+", page.text("#queries"))[:2])
    assert abs(column - 240) <= 2
    assert abs(row - 180) <= 2
    masks = torch.nn.functional.interpolate(
        mask_logits[None], placement.size, mode="bilinear"
    )
    mask_probs = masks[0, :, row, column].sigmoid()
    probs, labels = class_probs(class_logits).max(dim=1)
    order = (probs * mask_probs).argsort(descending=True)
    order = [k for k in order.tolist() if mask_probs[k] > 0.5]
    assert len(order) > 1
    names = predictor.meta["classes"]
    wanted = [
        f"query {k}: {names[labels[k]]} {probs[k]:.2f}, mask {mask_probs[k]:.2f}"
        for k in order
    ]
    labels = page.all("#queries label")
    assert [label.text for label in labels] == wanted
    explorer = Explorer(predictor)
    seen = explorer.see(served.path)
    soon(lambda: page.picture("mask"), explorer.mask(seen, order[0]))
    labels[1].click()
    soon(lambda: page.picture("mask"), explorer.mask(seen, order[1]))


def test_an_example_is_chosen_and_a_file_that_is_no_image_is_left_out(
    page, served, tmp_path
):
    path = tmp_path / "broken.png"
    path.write_bytes(b"no image")
    page.all("#file button[aria-label*=lear]")[0].click()
    soon(lambda: page.text("#status"), "")
    soon(lambda: page.picture("semantic-picture") is None, True)
    soon(lambda: len(page.all("#file input[type=file]")), 1)
    page.all("#file input[type=file]")[0].send_keys(str(path))
    soon(
        lambda: page.text("#status").partition(" (")[0],
        "Left out: The image broken.png cannot be read",
    )
    page.all("#examples button img")[0].click()
    soon(lambda: "480 x 360 pixels" in page.text("#status"), True)
    soon(lambda: page.picture("semantic-picture") is None, False)


def test_nothing_leaves_the_machine_and_nothing_fails(page, served):
    """All of the tests above is in the logs."""
    events = [
        json.loads(entry["message"])["message"] for entry in page.log("performance")
    ]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert len([url for url in urls if url.startswith(served.url)]) > 20
    local = (served.url, "data:", "blob:")
    assert [url for url in urls if not url.startswith(local)] == []
    assert set(served.hosts) <= {"127.0.0.1", "localhost", None}
    errors = [x["message"] for x in page.log("browser") if x["level"] == "SEVERE"]
    assert errors == []
