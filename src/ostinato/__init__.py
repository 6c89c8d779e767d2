"""Ostinato: learning from sequences with recurrent neural networks."""

__version__ = "0.1.0"
