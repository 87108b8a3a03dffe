"""Reading the data sets of the catalogue: a thin reader for each library and for published forms."""
