"""Unique names for cells, however often and wherever they were measured."""

from __future__ import annotations

import pandas as pd

from etbench.results.schema.names import SAID
from etbench.results.tables.frames import CONDITIONS

__all__ = ["label_cells"]


def label_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the columns `setting`, `subject` and `cell`.

    The setting, within which cells compete, is the model, followed by the conditions (inputs, weights,
    threads, runner, machine) that are not the same in all cells of that model, as far as they are known, and
    by the tool of an imported summary. The subject names a row of a chart; if a cell was measured more than
    once, it adds ``#1``, ``#2`` … in order of time. The cell adds the precision and the delegate, and whether
    its runtime quantized the model itself.
    """
    labelled = frame.copy()
    setting = frame["model"].astype(str)
    for name in CONDITIONS:
        known = frame[name].notna()
        differs = frame[name].astype(object).groupby(frame["model"]).transform("nunique") > 1
        words = frame[name].astype(str).str.removesuffix(".0").map(SAID[name].format)
        setting = setting.where(~(differs & known), setting + ", " + words)
    imported = frame["source"].ne("etbench")
    setting = setting.where(~imported, setting + " (" + frame["source"].astype(str) + ", no rounds)")
    delegate = frame["delegate"].astype(str)
    if "quantization" in frame:  # else it is of a table of an older version
        delegate = delegate.where(~frame["quantization"].eq("own"), delegate + " (own quantization)")
    same = [setting, frame["precision"], delegate]
    number = frame["created_at"].groupby(same).rank(method="first").astype("Int64").astype(str)
    repeated = frame["model"].groupby(same).transform("size") > 1
    labelled["setting"] = setting
    labelled["subject"] = setting.where(~repeated, setting + " #" + number)
    labelled["cell"] = labelled["subject"] + " " + frame["precision"] + " " + delegate
    return labelled
