"""The catalogue: data sets by name, with licence, citation and checksums, downloaded when asked for."""

from isoglot.data.catalogue.entry import Entry, all_entries, entry_names, find_entry

__all__ = ["Entry", "all_entries", "entry_names", "find_entry"]
