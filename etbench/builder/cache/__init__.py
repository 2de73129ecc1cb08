"""The artifact cache: built programs, found by the key of their recipe, here and in a remote cache."""

from __future__ import annotations

from etbench.builder.cache.entry import Entry
from etbench.builder.cache.fingerprint import is_still, named_files, recipe_key
from etbench.builder.cache.folder import cache_fault, native_folder
from etbench.builder.cache.local import Cache
from etbench.builder.cache.manifest import changed_since
from etbench.builder.cache.remote import OnLost, RemoteCache
from etbench.system.cache_folder import cache_folder

__all__ = [
    "Cache",
    "Entry",
    "OnLost",
    "RemoteCache",
    "cache_fault",
    "cache_folder",
    "changed_since",
    "is_still",
    "named_files",
    "native_folder",
    "recipe_key",
]
