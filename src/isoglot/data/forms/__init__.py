"""Readers of the forms that others publish in, one file each; `read` lists them."""
