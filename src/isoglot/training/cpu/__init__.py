"""Fast paths on a CPU: token vectors updated where they occur, lookups, bags, dropout masks."""
