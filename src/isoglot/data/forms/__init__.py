"""Readers of the forms that others publish in, one file each; `isoglot.data.convert` lists them."""
