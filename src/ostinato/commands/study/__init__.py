"""Hyper-parameter studies: the search space of `ostinato search`, its trials and its report."""
