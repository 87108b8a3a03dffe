"""DomainContrast is InfoNCE, on target-domain text and nothing else."""

from __future__ import annotations

from dataclasses import replace

from isoglot.objectives.infonce import DomainContrast, InfoNCE


def test_it_learns_from_target_domain_text_where_infonce_does_not(make_batch):
    labelled = make_batch("paired")
    crops = replace(labelled, domain=True)
    assert (DomainContrast().applies(crops), DomainContrast().applies(labelled)) == (True, False)
    assert (InfoNCE().applies(crops), InfoNCE().applies(labelled)) == (False, True)
    assert DomainContrast(0.1, symmetric=True)(crops).item() == InfoNCE(0.1, symmetric=True)(labelled).item()
