"""Readers of the forms that others publish in, one file each; `isoglot.collections.convert` lists them."""
