"""Gates that ``plot --ckpt`` recorded earlier, found again without torch.

An entry is a folder for all that changes the gates of an image: checkpoint, images,
precision and so on. It holds the list of all images and gate records of some of them.
A request says which images it wants by classes and numbers; they are looked up in the
list and picked from the records, so that what comes back depends on the request alone,
and only what is missing is recorded.
"""

from se_probe.cache.contents import CacheEntry, cache_entries, clear_cache
from se_probe.cache.finding import find_cached, missing_images, record_attributes
from se_probe.cache.folder import (
    cache_folder,
    files_stamp,
    measurements_folder,
    tar_indexes_folder,
)
from se_probe.cache.listing import ImageList, read_list, wanted_images, write_list
from se_probe.cache.request import RecordingRequest
from se_probe.cache.roots import remember_root, remembered_root

__all__ = [
    "CacheEntry",
    "ImageList",
    "RecordingRequest",
    "cache_entries",
    "cache_folder",
    "clear_cache",
    "files_stamp",
    "find_cached",
    "measurements_folder",
    "missing_images",
    "read_list",
    "record_attributes",
    "remember_root",
    "remembered_root",
    "tar_indexes_folder",
    "wanted_images",
    "write_list",
]
