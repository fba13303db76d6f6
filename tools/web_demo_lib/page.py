"""The page in the browser: the one door to gradio.

Nothing leaves the machine: no analytics, no public address, no file from the network.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

try:
    import gradio as gr
except ModuleNotFoundError as error:
    if error.name != "gradio":
        raise
    raise SystemExit("The page needs gradio: pip install gradio") from error

from mmseg_maskformer.datasets.transforms.image_files import IMAGE_SUFFIXES

from .explorer import TABLES, Explorer, Seen

_DAY = 24 * 60 * 60  # seconds
_MEANING = dict(
    object_mask_thr="class probability above which a query competes",
    iou_thr="least share of its mask that a query keeps",
    score_thr="least score of an instance",
)
_HINT = "Click a picture above."
_TOP = 150  # height of the first row, in pixels
_IMAGE: dict[str, Any] = dict(
    format="png", interactive=False, buttons=["download", "fullscreen"]
)
_CSS = """
#queries .wrap {flex-direction: column; max-height: 24rem; overflow-y: auto}
#queries label {width: 100%}
"""


def serve(
    explorer: Explorer, title: str, examples: Sequence[Path], host: str, port: int
) -> gr.Blocks:
    """Begin to serve the page; ``close`` of what is returned ends it.

    Args:
        explorer: a model.
        title: of the page.
        examples: image files to choose from.
        host: address to listen at.
        port: to listen at.

    Raises:
        OSError: It cannot listen there.
    """
    page = build_page(explorer, title, examples)
    try:
        page.launch(
            share=False,
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            show_error=True,
            quiet=True,
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            mcp_server=False,
            allowed_paths=[str(path) for path in examples],
            theme=gr.themes.Base(font=["sans-serif"], font_mono=["monospace"]),
            css=_CSS,
        )
    except OSError as error:
        raise OSError(
            f"Nothing can be served at {host}:{port}, which may be in use; name "
            "another --port or --host."
        ) from error
    return page


def build_page(explorer: Explorer, title: str, examples: Sequence[Path]) -> gr.Blocks:
    """The page of a model."""
    page = gr.Blocks(
        title=title,
        analytics_enabled=False,
        delete_cache=(_DAY, _DAY),
        fill_width=True,
    )
    with page:
        gr.Markdown(f"## {title}")
        seen = gr.State()
        with gr.Row(equal_height=True):
            file = gr.File(
                label="Drop an image here",
                file_types=list(IMAGE_SUFFIXES),
                height=_TOP,
                elem_id="file",
            )
            if examples:
                _add_examples(explorer, examples, file)
        status = gr.Markdown(elem_id="status")
        looked = file.change(partial(_look, explorer), file, [seen, status])
        with gr.Row():
            parts = [_add_picture(explorer, task) for task in explorer.thresholds]
        if explorer.has_queries:
            pictures = [picture for picture, _ in parts]
            _add_queries(explorer, seen, looked, pictures)
        with gr.Row():
            for task, part in zip(explorer.thresholds, parts, strict=True):
                _add_table(explorer, task, seen, looked, part)
    return page


def _add_examples(explorer: Explorer, paths: Sequence[Path], file: gr.File) -> None:
    """Thumbnails; a click on one takes its file."""
    shown = []
    for path in paths:
        try:
            shown.append((path, explorer.thumbnail(path)))
        except (OSError, ValueError) as error:
            print(f"Left out: {error}", file=sys.stderr)
    gallery = gr.Gallery(
        [picture for _, picture in shown],
        label="or choose one",
        columns=6,
        height=_TOP,
        allow_preview=False,
        interactive=False,
        buttons=[],
        scale=2,
        elem_id="examples",
    )

    def choose(event: gr.SelectData) -> str:
        return str(shown[event.index][0])

    gallery.select(choose, None, file)


def _add_picture(explorer: Explorer, task: str) -> tuple[gr.Image, list[gr.Slider]]:
    """A column with the picture and the thresholds of a task."""
    with gr.Column(min_width=300):
        picture = gr.Image(label=task.capitalize(), elem_id=f"{task}-picture", **_IMAGE)
        sliders = [
            gr.Slider(0.0, 1.0, value, step=0.01, label=name, info=_MEANING[name])
            for name, value in explorer.thresholds[task].items()
        ]
    return picture, sliders


def _add_table(
    explorer: Explorer,
    task: str,
    seen: gr.State,
    looked: Any,
    part: tuple[gr.Image, list[gr.Slider]],
) -> None:
    """What is counted of a task; it and the picture follow the thresholds."""
    names, (picture, sliders) = TABLES[task], part
    table = gr.Dataframe(
        headers=list(names),
        datatype=["str", *["number"] * (len(names) - 1)],
        type="array",
        label=task.capitalize(),
        interactive=False,
        buttons=[],
        elem_id=f"{task}-table",
    )
    shown: dict[str, Any] = dict(
        fn=partial(_show, explorer, task),
        inputs=[seen, *sliders],
        outputs=[picture, table],
    )
    looked.then(**shown)
    for slider in sliders:
        slider.change(**shown, trigger_mode="always_last", show_progress="hidden")


def _add_queries(
    explorer: Explorer, seen: gr.State, looked: Any, pictures: Sequence[gr.Image]
) -> None:
    """The queries at a pixel that is clicked, and the mask of the chosen one."""
    with gr.Row():
        choices = gr.Radio(label="Queries", info=_HINT, elem_id="queries")
        mask = gr.Image(label="Mask", elem_id="mask", **_IMAGE)

    def ask(seen: Seen, event: gr.SelectData) -> gr.Radio:
        column, row = explorer.pixel(seen, *event.index)
        here = explorer.queries_at(seen, column, row)
        texts = [(x.text(explorer.classes), x.query) for x in here]
        info = f"At column {column}, row {row}; choose one to see its mask."
        return gr.Radio(texts, value=here[0].query, info=info)

    def show(seen: Seen | None, query: int | None) -> Any:
        return None if seen is None or query is None else explorer.mask(seen, query)

    looked.then(lambda: gr.Radio([], value=None, info=_HINT), None, choices)
    for picture in pictures:
        picture.select(ask, seen, choices, show_progress="hidden")
    choices.change(show, [seen, choices], mask, show_progress="hidden")


def _look(explorer: Explorer, path: str | None) -> tuple[Seen | None, str]:
    """Run the network on a file; what it says, and a line of text."""
    if path is None:
        return None, ""
    name, start = Path(path).name, time.perf_counter()
    try:
        seen = explorer.see(Path(path))
    except (OSError, ValueError) as error:
        return None, f"**Left out:** {error}".replace(path, name)
    seconds = time.perf_counter() - start
    height, width = seen.loaded.pixels.shape[:2]
    return seen, f"{name}: {width} x {height} pixels, predicted in {seconds:.2f} s"


def _show(
    explorer: Explorer, task: str, seen: Seen | None, *values: float
) -> tuple[Any, Any]:
    """The picture and the table of a task; nothing where there is no image."""
    if seen is None:
        return None, None
    thresholds = zip(explorer.thresholds[task], values, strict=True)
    return explorer.view(seen, task, dict(thresholds))
