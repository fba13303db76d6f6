"""tools/predict.py paints videos, and names those that it leaves out."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

from mmseg_maskformer.adapters.head import NanPredictionError
from mmseg_maskformer.inference import Predictor
from predict_lib.video import Video
from tests.helpers.inference import SCENES, files_below, noise, write_weights
from tests.scripts import run_script


def write_video(path, frames):
    code = cv2.VideoWriter.fourcc(*"mp4v")
    video = cv2.VideoWriter(str(path), code, 5.0, (64, 64))
    for frame in frames:
        video.write(frame)
    video.release()


def test_videos_are_painted_frame_by_frame(tmp_path, monkeypatch, capsys):
    """Of the same name in two folders; a third is none."""
    scenes = SCENES, write_weights(tmp_path)
    first, second = noise(64, 64), noise(64, 64, seed=2)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_video(tmp_path / folder / "film.mp4", [first, second, first])
    (tmp_path / "b/empty.mp4").write_bytes(b"no video")
    out, inputs = tmp_path / "out", [tmp_path / "a", tmp_path / "b"]
    for option in ("--no-pictures", "--uncertainty"):  # nothing of it would be written
        with pytest.raises(SystemExit, match="film.mp4 is a video, of which only"):
            run_script(
                monkeypatch, "predict.py", *scenes, *inputs, "--out", out, option
            )
    with pytest.raises(SystemExit, match="1 of 3 files were left out"):
        run_script(monkeypatch, "predict.py", *scenes, *inputs, "--out", out)
    assert "b/empty.mp4 0 of" in capsys.readouterr().err
    assert files_below(out) == {"pictures/a/film.mp4", "pictures/b/film.mp4"}
    painted = cv2.VideoCapture(str(out / "pictures/a/film.mp4"))
    frames = []
    while (read := painted.read())[0]:
        frames.append(read[1].astype(int))
    assert [frame.shape for frame in frames] == [(384, 384, 3)] * 3
    # the first and the third show the same, the second another
    near, far = (np.abs(frames[0] - frames[k]).mean() for k in (2, 1))
    assert near < far / 2


def test_a_video_ends_at_a_frame_that_comes_out_as_nan(tmp_path, monkeypatch, capsys):
    """Its frames before that are painted, and the videos after it."""
    scenes = SCENES, write_weights(tmp_path)
    films = [tmp_path / "film.mp4", tmp_path / "other.mp4"]
    for film in films:
        write_video(film, [noise(64, 64)] * 2)
    given, calls = Predictor.predict, iter([True, False, True, True])

    def predict(self, loaded):
        if next(calls):
            return given(self, loaded)
        raise NanPredictionError("The model predicts NaN.")

    monkeypatch.setattr(Predictor, "predict", predict)
    with pytest.raises(SystemExit, match=r"1 of 2 files were left out\."):
        run_script(
            monkeypatch, "predict.py", *scenes, *films, "--out", tmp_path / "out"
        )
    told = capsys.readouterr().err
    assert f"of {films[0]} all but 1 frames. The model predicts NaN." in told
    lengths = [len(list(Video(tmp_path / f"out/pictures/{x.name}"))) for x in films]
    assert lengths == [1, 2]


def test_a_video_that_the_model_does_not_take_is_left_out(
    tmp_path, monkeypatch, capsys
):
    four = {"backbone.in_channels": 4, "data_preprocessor.bgr_to_rgb": False}
    four |= {f"data_preprocessor.{key}": [9.0] * 4 for key in ("mean", "std")}
    four["data_preprocessor.type"] = "mmseg_maskformer.SegPreprocessor"
    options = {f"model.{key}": value for key, value in four.items()}
    pixels = np.dstack([noise(64, 64), noise(64, 64)[..., :1]])
    weights = write_weights(tmp_path, SCENES, options, pixels)
    films = [tmp_path / "film.mp4", tmp_path / "other.mp4"]
    for film in films:
        write_video(film, [noise(64, 64)])
    rest = ["--out", tmp_path / "out", "--cfg-options"]
    rest += [f"{key}={value}" for key, value in options.items()]
    with pytest.raises(SystemExit, match=r"2 of 2 files were left out\."):
        run_script(monkeypatch, "predict.py", SCENES, weights, *films, *rest)
    told = capsys.readouterr().err
    for film in films:
        assert re.search(rf"Left out: {film}: .* has 3 channels.* takes 4", told)
