"""Language bias: how far rankings of the multilingual pool depend on the language of a document.

`bias/best_ranks.py` has rank_distance, max_rank, complete@k; `bias/shares.py` own_language_share@k and
language_share@k; `bias/recall_gap.py`, `bias/peer.py` and `bias/rank_correlation.py` the measures they are
named after.
"""
