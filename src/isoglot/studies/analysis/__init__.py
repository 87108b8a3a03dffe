"""What the runs of a study come to: figures, decisive comparisons, checks and sentences."""
