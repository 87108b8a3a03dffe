"""Encoding and ranking by several processes, of one machine or of a Ray cluster; needs the extra `ray`."""

from isoglot.engine.cluster import Workers, start_workers
from isoglot.engine.encoding import embed_shards, plan_shards
from isoglot.engine.evaluate import evaluate_on
from isoglot.engine.mining import mine_on
from isoglot.engine.shards import Plan, ShardTable, shard_folder
from isoglot.engine.translating import translator_on

__all__ = [
    "Plan",
    "ShardTable",
    "Workers",
    "embed_shards",
    "evaluate_on",
    "mine_on",
    "plan_shards",
    "shard_folder",
    "start_workers",
    "translator_on",
]
