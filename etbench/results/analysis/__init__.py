"""Frames for analysts, from paths of result files; and the page that documents the columns of all tables."""
