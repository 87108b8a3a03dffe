"""Plain sentences computed from numbers: each is true of the numbers it was made from, or is left out."""
