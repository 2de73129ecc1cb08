"""Unique names for cells, however often and wherever they were measured."""

from __future__ import annotations

import pandas as pd

from etbench.results.schema.names import SAID
from etbench.results.tables.frames import CONDITIONS

__all__ = ["label_cells"]


def label_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the columns `setting`, `subject` and `cell`.

    The setting, within which cells compete, is the model, followed by the conditions (inputs, weights,
    threads, runner, interpreter, machine, varied overrides) that are not the same in all cells of that model,
    as far as they are known, and by the tool of an imported summary. The subject names a row of a chart; if a
    cell was measured more than once, it adds the varied overrides of the precision, delegate or calibration,
    then the folder, and then ``#1``, ``#2`` … in order of time. The cell adds the precision and the delegate,
    and whether its runtime quantized the model itself.
    """
    labelled = frame.copy()
    setting = frame["model"].astype(str)
    for name in CONDITIONS:
        known = frame[name].notna() & frame[name].ne("")
        differs = frame[name].astype(object).groupby(frame["model"]).transform("nunique") > 1
        said = frame[name].astype(str)
        words = (said.str.removesuffix(".0") if name == "threads" else said).map(SAID[name].format)
        setting = setting.where(~(differs & known), setting + ", " + words)
    imported = frame["source"].ne("etbench")
    setting = setting.where(~imported, setting + " (" + frame["source"].astype(str) + ", no rounds)")
    delegate = frame["delegate"].astype(str)
    if "quantization" in frame:  # else it is of a table of an older version
        delegate = delegate.where(~frame["quantization"].eq("own"), delegate + " (own quantization)")
    labelled["setting"] = setting
    labelled["subject"] = _unique(setting, frame.assign(delegate=delegate))
    labelled["cell"] = labelled["subject"] + " " + frame["precision"] + " " + delegate
    return labelled


def _unique(subject: pd.Series, frame: pd.DataFrame) -> pd.Series:
    """Return the subjects with what distinguishes cells of one subject, precision and delegate."""
    subject = subject.where(
        ~(_repeated(subject, frame) & frame["variant"].ne("")), subject + ", " + frame["variant"]
    )
    if "sweep" in frame:
        folders = frame["sweep"].groupby(_same(subject, frame)).transform("nunique")
        subject = subject.where(folders < 2, subject + " (" + frame["sweep"] + ")")
    number = frame["created_at"].groupby(_same(subject, frame)).rank(method="first")
    numbered = subject + " #" + number.astype("Int64").astype(str)
    return subject.where(~_repeated(subject, frame), numbered)


def _same(subject: pd.Series, frame: pd.DataFrame) -> list[pd.Series]:
    return [subject, frame["precision"], frame["delegate"]]


def _repeated(subject: pd.Series, frame: pd.DataFrame) -> pd.Series:
    return frame["model"].groupby(_same(subject, frame)).transform("size") > 1
