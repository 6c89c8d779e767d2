"""Genome: DNA to a label a sequence (what is bound here?) or a label a base (where are the genes?)."""

from ostinato.tasks.genome.task import Genome

__all__ = ["Genome"]
