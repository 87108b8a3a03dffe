"""isoglot trains, measures and repairs multilingual retrievers."""
